import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from llmri.capture import tensor_statistics
from llmri.capture.tensor_statistics import RunningStatistics

WIDTH = 4
pieces = st.lists(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.just(WIDTH)),
        elements=st.one_of(st.just(0.0), st.floats(-1e4, 1e4, width=32)),
    ),
    min_size=1,
    max_size=6,
)


@given(pieces)
def test_pieces_give_the_statistics_of_the_whole(given_pieces: list[np.ndarray]) -> None:
    running = RunningStatistics()
    for piece in given_pieces:
        running.add(piece)
    whole = np.concatenate(given_pieces).astype(np.float64)
    result = running.result()
    assert result.values == whole.size
    assert result.non_finite == 0
    assert (result.min, result.max) == (whole.min(), whole.max())
    assert result.mean == pytest.approx(whole.mean(), rel=1e-9, abs=1e-9)
    assert result.std == pytest.approx(whole.std(), rel=1e-7, abs=1e-9)
    assert result.sparsity == (whole == 0).mean()
    lengths = np.linalg.norm(whole, axis=1)
    assert result.norm == pytest.approx(np.sqrt(np.mean(lengths**2)), rel=1e-9, abs=1e-9)


def test_a_large_piece_is_measured_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_statistics, "AT_ONCE", 3)
    running = RunningStatistics()
    whole = np.arange(40.0).reshape(2, 5, WIDTH)
    running.add(whole)
    result = running.result()
    assert (result.values, result.min, result.max) == (40, 0, 39)
    assert result.mean == pytest.approx(whole.mean())
    assert result.std == pytest.approx(whole.std())
    assert result.norm == pytest.approx(np.sqrt(np.square(whole).sum() / 10))


def test_a_large_mean_does_not_drown_the_deviation() -> None:
    running = RunningStatistics()
    for piece in np.random.default_rng(0).normal(1e8, 1.0, (50, 3, WIDTH)):
        running.add(piece)
    assert running.result().std == pytest.approx(1.0, rel=0.1)


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    running = RunningStatistics()
    running.add(np.array([[1.0, np.inf, np.nan, 3.0]]))
    result = running.result()
    assert (result.values, result.non_finite) == (2, 2)
    assert (result.min, result.max, result.mean) == (1.0, 3.0, 2.0)


def test_of_nothing_there_are_no_statistics() -> None:
    running = RunningStatistics()
    running.add(np.array([[np.nan]]))
    result = running.result()
    assert (result.values, result.mean, result.std, result.norm) == (0, None, None, None)
