"""A state is arrays alone, and going on from it gives the same bits."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.correlation import RunningCorrelation
from tests.clustering.correlation.streams import Floats, batches, correlated

VALUES = correlated(np.random.default_rng(0), 1500, 5)


@settings(deadline=None)
@given(batches(), st.sampled_from([None, 0.9]), st.integers(0, 20))
def test_going_on_from_a_state_gives_the_same_bits(
    parts: list[Floats], decay: float | None, reservoir: int
) -> None:
    units = np.vstack(parts).shape[1]
    going = RunningCorrelation(units, decay=decay, reservoir=reservoir, seed=5)
    restored = RunningCorrelation(units, decay=decay, reservoir=reservoir, seed=5)
    for part in parts:
        going.add(part)
        restored.add(part)
        restored = RunningCorrelation.from_state(restored.state())
    same(going, restored)
    np.testing.assert_array_equal(going.correlation(), restored.correlation())


def test_everything_is_in_it() -> None:
    going = RunningCorrelation(5, left_out=[2], skip_first=3, reservoir=40, seed=7, gather=100)
    going.add(VALUES[:1000], np.arange(1000) % 50)
    going.add(VALUES[1000:1100])
    restored = RunningCorrelation.from_state(going.state())
    for each in (going, restored):
        each.add(VALUES[1100:], np.arange(400))
    same(going, restored)
    assert restored.left_out_sentences() == going.left_out_sentences()
    np.testing.assert_array_equal(restored.spearman(), going.spearman())


def test_a_state_is_arrays_of_its_own() -> None:
    going = RunningCorrelation(5, reservoir=10)
    going.add(VALUES)
    state = going.state()
    kept = {name: value.copy() for name, value in state.items()}
    restored = RunningCorrelation.from_state(state)
    for each in (going, restored):
        each.add(VALUES)
    assert all(type(value) is np.ndarray for value in state.values())
    for name, value in state.items():
        np.testing.assert_array_equal(value, kept[name], err_msg=name)


def changed(name: str, value: npt.ArrayLike | None) -> dict[str, npt.NDArray[np.generic]]:
    going = RunningCorrelation(5, reservoir=10)
    going.add(VALUES[:100])
    state = going.state()
    if value is None:
        del state[name]
    else:
        state[name] = np.asarray(value)
    return state


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("version", 2, "the state is of version 2, expected 1"),
        ("version", None, "the state has no 'version'"),
        ("count", None, "the state has no 'count'"),
        ("count", 7, "36 rows wait in the state, expected fewer than 64 and at most 7"),
        ("skipped", -1, "'skipped' of the state holds -1, expected at least 0"),
        ("left_out", np.zeros(4, dtype=bool), r"expected float64 \[any, 4\]"),
        ("gather", 20, "36 rows wait in the state, expected fewer than 20 and at most 100"),
        ("gather", 10**6, "gather is 1000000 rows, expected 1 to 128"),
        ("waiting", np.zeros((3, 4)), r"'waiting' of the state is float64 \[3, 4\], expected float64"),
        (
            "comoments.mean",
            np.zeros(5, dtype=np.float32),
            r"'mean' .* is float32 \[5\], expected float64 \[5\]",
        ),
        ("comoments.mean", np.full(5, np.nan), "'mean' of the state holds nan, expected a finite number"),
        ("comoments.moment", np.full(5, -1.0), "'moment' of the state holds -1.0, expected at least 0"),
        ("comoments.weight", -2.0, "'weight' of the state holds -2.0, expected at least 0"),
        ("comoments.decay", 7.0, "'decay' of the state holds 7.0, expected 0.5 to 1"),
        (
            "comoments.exponent",
            np.full(5, 9999, dtype=np.int32),
            "'exponent' of the state holds 9999, expected -400 to 400",
        ),
        ("comoments.pairs.square", np.zeros((5, 4), dtype=np.float32), r"float32 \[5, 4\], expected"),
        ("comoments.pairs.updates", 99, "'updates' of the state holds 99, expected 0 to 15"),
        ("reservoir.seen", -3, "'seen' of the state holds -3, expected at least 0"),
        ("reservoir.size", -3, "'size' of the state holds -3, expected at least 0"),
        (
            "reservoir.rows",
            np.zeros((3, 5)),
            r"'rows' of the state is float64 \[3, 5\], expected float64 \[10, 5\]",
        ),
    ],
)
def test_a_state_that_is_wrong_is_refused_with_a_sentence(
    name: str, value: npt.ArrayLike | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        RunningCorrelation.from_state(changed(name, value))


def same(one: RunningCorrelation, two: RunningCorrelation) -> None:
    first: Mapping[str, npt.NDArray[np.generic]] = one.state()
    second = two.state()
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].dtype == second[name].dtype
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
