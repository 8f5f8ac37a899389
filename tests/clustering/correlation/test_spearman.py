"""Rank correlation, over what the reservoir kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import spearmanr  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.correlation import RunningCorrelation, spearman
from tests.clustering.correlation.streams import Floats, batches, correlated, heavy_tailed


def scipys(values: Floats) -> Floats:
    """Return scipy's matrix for at least 3 units, with 0 for a constant one."""
    varies = np.flatnonzero(np.ptp(values, axis=0) > 0)
    expected = np.eye(values.shape[1])
    if len(varies) > 2:
        expected[np.ix_(varies, varies)] = spearmanr(values[:, varies]).statistic
    return expected


@settings(deadline=None)
@given(batches())
def test_it_is_scipys_when_the_reservoir_holds_all(parts: list[Floats]) -> None:
    values = np.vstack([*parts])
    if values.shape[1] < 3 or (np.ptp(values, axis=0) == 0).any():
        return
    correlation = RunningCorrelation(values.shape[1], reservoir=len(values))
    for part in parts:
        correlation.add(part)
    np.testing.assert_allclose(correlation.spearman(), scipys(values), rtol=0, atol=1e-6)


def test_ties_share_their_rank_and_a_constant_unit_has_0() -> None:
    values = np.random.default_rng(0).integers(0, 4, (60, 5)).astype(np.float32)
    values[:, 2] = 0.1
    np.testing.assert_allclose(spearman(values), scipys(values), rtol=0, atol=1e-6)
    assert not np.abs(spearman(values)[2, [0, 1, 3, 4]]).any()


def test_it_does_not_rank_rounding() -> None:
    low, wavers = np.float32(0.1), np.arange(50) % 2
    values = np.column_stack([np.where(wavers, low, np.nextafter(low, np.float32(1))), wavers])
    correlation = RunningCorrelation(2, reservoir=50)
    correlation.add(values.astype(np.float32))
    np.testing.assert_array_equal(correlation.spearman(), np.eye(2))


def test_a_part_of_the_samples_is_enough_for_an_estimate() -> None:
    values = heavy_tailed(np.random.default_rng(1), 20_000, 6)
    correlation = RunningCorrelation(6, reservoir=2000, seed=3)
    correlation.add(values)
    np.testing.assert_allclose(correlation.spearman(), spearmanr(values).statistic, atol=0.08)


def test_the_seed_decides_and_the_split_does_not() -> None:
    values = correlated(np.random.default_rng(2), 500, 4)

    def kept(seed: int, parts: int) -> Floats:
        correlation = RunningCorrelation(4, reservoir=50, seed=seed)
        for part in np.array_split(values, parts):
            correlation.add(part)
        return correlation.spearman()

    np.testing.assert_array_equal(kept(0, 1), kept(0, 37))
    assert (kept(0, 1) != kept(1, 1)).any()


def test_without_a_reservoir_there_are_no_ranks() -> None:
    with pytest.raises(ValueError, match="no reservoir was kept, expected reservoir=1 or more"):
        RunningCorrelation(3).spearman()


def test_one_sample_says_nothing() -> None:
    correlation = RunningCorrelation(3, reservoir=4)
    np.testing.assert_array_equal(correlation.spearman(), np.eye(3))
    correlation.add(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(correlation.spearman(), np.eye(3))
