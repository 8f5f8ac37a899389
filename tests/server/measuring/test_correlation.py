import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from llmri_server.measuring.correlation import pearson, ranks, spearman

series = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30)


@given(series)
def test_correlations_are_those_of_scipy_ties_and_all(pairs: list[tuple[int, int]]) -> None:
    left, right = np.array(pairs, dtype=np.float64).T
    assume(np.ptp(left) > 0)
    assume(np.ptp(right) > 0)
    assert pearson(left, right) == pytest.approx(stats.pearsonr(left, right).statistic, abs=1e-12)
    assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=1))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    np.testing.assert_array_equal(ranks(np.array(values)), stats.rankdata(values))


@pytest.mark.parametrize(("left", "right"), [([1, 2], [1, 2]), ([], []), ([1, 1, 1], [1, 2, 3])])
def test_there_is_no_correlation_without_three_points_or_spread(
    left: list[float], right: list[float]
) -> None:
    assert pearson(np.array(left, dtype=np.float64), np.array(right, dtype=np.float64)) is None
    assert spearman(np.array(left, dtype=np.float64), np.array(right, dtype=np.float64)) is None
