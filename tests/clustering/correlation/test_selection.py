"""What is left out, what is refused, and what is said of it."""

import numpy as np
import numpy.typing as npt
import pytest

from llmri_clustering.correlation import RunningCorrelation
from tests.clustering.correlation.streams import corrcoef, correlated

VALUES = correlated(np.random.default_rng(0), 120, 5).astype(np.float32)
POSITIONS = np.arange(120) % 10  # twelve sequences


def test_the_first_token_of_each_sequence_is_left_out_by_default() -> None:
    values = VALUES.copy()
    values[POSITIONS == 0] = 1e4  # an attention sink would dominate
    correlation = RunningCorrelation(5, reservoir=200)
    correlation.add(values, POSITIONS)
    assert (correlation.count, correlation.skipped) == (108, 12)
    np.testing.assert_allclose(correlation.correlation(), corrcoef(VALUES[POSITIONS > 0]), rtol=0, atol=1e-6)
    assert correlation.spearman()[0, 1] != 1
    assert correlation.left_out_sentences() == ("the first token of each sequence: 12 scans",)


def test_more_first_tokens_can_be_left_out_or_none() -> None:
    three, none = RunningCorrelation(5, skip_first=3), RunningCorrelation(5, skip_first=0)
    for correlation in (three, none):
        correlation.add(VALUES, POSITIONS)
    assert three.left_out_sentences() == ("the first 3 tokens of each sequence: 36 scans",)
    assert none.left_out_sentences() == ()
    np.testing.assert_allclose(none.correlation(), corrcoef(VALUES), rtol=0, atol=1e-6)


def test_scans_without_a_position_are_taken_in_and_it_is_said() -> None:
    correlation = RunningCorrelation(5)
    correlation.add(VALUES[0], positions=0)
    correlation.add(VALUES[0])
    assert (correlation.count, correlation.skipped) == (1, 1)
    assert correlation.left_out_sentences() == (
        "the first token of each sequence: 1 scan",
        "nothing of 1 scan that came without a position",
    )


@pytest.mark.parametrize("left_out", [[1, 3], np.array([False, True, False, True, False])])
def test_protected_units_are_left_out_whatever_they_hold(left_out: npt.NDArray[np.bool_]) -> None:
    values = VALUES.copy()
    values[:, 1], values[:, 3] = np.inf, np.nan
    correlation = RunningCorrelation(5, left_out=left_out, reservoir=200)
    correlation.add(values)
    np.testing.assert_array_equal(correlation.left_out, [False, True, False, True, False])
    assert not correlation.constant.any()
    for found in (correlation.correlation(), correlation.spearman()):
        np.testing.assert_array_equal(found[[1, 3]], np.eye(5)[[1, 3]])
        np.testing.assert_array_equal(found[:, [1, 3]], np.eye(5)[:, [1, 3]])
    kept = [0, 2, 4]
    np.testing.assert_allclose(
        correlation.correlation()[np.ix_(kept, kept)], corrcoef(VALUES[:, kept]), rtol=0, atol=1e-6
    )
    assert correlation.left_out_sentences()[-1] == "protected units: 2"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e39])
def test_of_a_batch_that_is_not_finite_nothing_is_taken_in(wrong: float) -> None:
    correlation = RunningCorrelation(5, reservoir=10)
    correlation.add(VALUES[:50], POSITIONS[:50])
    before = correlation.state()
    batch = VALUES[50:].astype(np.float64)
    batch[7, 4] = batch[9, 2] = wrong
    with pytest.raises(ValueError, match=r"2 of the batch's 350 values .* first in unit 4 of scan 7 \("):
        correlation.add(batch, np.ones(70))
    for name, value in correlation.state().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_what_is_left_out_need_not_be_finite() -> None:
    correlation = RunningCorrelation(2)
    correlation.add(np.array([[np.nan, 0], [1, 2], [2, 3]]), [0, 1, 2])
    assert correlation.count == 2
    with pytest.raises(ValueError, match="first in unit 1 of scan 2"):
        correlation.add(np.array([[np.nan, 0], [1, 2], [2, np.nan]]), [0, 1, 2])


@pytest.mark.parametrize(
    ("batch", "positions", "says"),
    [
        (np.zeros((3, 4)), None, r"the batch is \[3, 4\], expected \[n, 5\] or \[5\]"),
        (np.zeros((2, 3, 5)), None, r"the batch is \[2, 3, 5\], expected"),
        (np.zeros((3, 5), dtype=complex), None, "the batch holds complex128, expected real numbers"),
        (np.array([["a"] * 5]), None, "the batch holds <U1, expected real numbers"),
        (np.zeros((3, 5)), [0, 1], r"there are positions \[2\] for 3 scans, expected \[3\]"),
        (np.zeros(5), [[0]], r"there are positions \[1, 1\] for 1 scans, expected \[1\]"),
    ],
)
def test_what_does_not_fit_is_refused(
    batch: npt.NDArray[np.floating], positions: list[int] | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        RunningCorrelation(5).add(batch, positions)


@pytest.mark.parametrize(
    ("left_out", "says"),
    [
        ([5], "unit 5 is to be left out, known are 0 to 4"),
        ([-1], "unit -1 is to be left out, known are 0 to 4"),
        (np.array([True, False]), r"the mask of units left out is \[2\], expected \[5\]"),
        (np.array([0.5]), "units left out are float64, expected indices or a mask"),
    ],
)
def test_units_that_do_not_exist_cannot_be_left_out(left_out: npt.NDArray[np.bool_], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RunningCorrelation(5, left_out=left_out)
