"""With a decay, recent samples count more, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.correlation import RunningCorrelation, decay_of
from tests.clustering.correlation.streams import Floats, batches, copies, corrcoef, correlated


@settings(max_examples=150, deadline=None)
@given(batches(), st.sampled_from([0.5, 0.8, 0.99, 0.9999]))
def test_it_is_the_correlation_of_weighted_samples(parts: list[Floats], decay: float) -> None:
    values = np.vstack(parts)
    correlation = RunningCorrelation(values.shape[1], decay=decay)
    for part in parts:
        correlation.add(part)
    weights = decay ** np.arange(len(values))[::-1]
    seen = values[
        weights > 1e-30
    ]  # the reference cannot tell a unit that varied only long ago from a constant
    if (np.ptp(seen[-20:], axis=0) > 1e-3 * np.ptp(values, axis=0)).all():
        expected = corrcoef(values, weights)
        np.testing.assert_allclose(correlation.correlation(), expected, rtol=0, atol=1e-6)


def test_a_drift_is_followed() -> None:
    random = np.random.default_rng(0)
    together = copies(random, 2000, 2)
    apart = together * [1, -1]
    correlation = RunningCorrelation(2, decay=decay_of(50))
    correlation.add(np.vstack([together, apart]))
    assert correlation.correlation()[0, 1] < -0.999


def test_the_past_fades_in_long_runs_without_overflow() -> None:
    """With the shortest half-life, sums from before an update keep 2^-64 of their weight."""
    random = np.random.default_rng(1)
    values = correlated(random, 5000, 4)
    values[:2000] *= 1e30
    correlation = RunningCorrelation(4, decay=0.5)
    with np.errstate(all="raise", under="ignore"):
        correlation.add(values)
        found = correlation.correlation()
    recent = values[-80:]
    expected = corrcoef(recent, 0.5 ** np.arange(80)[::-1])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_decay_of_1_is_none() -> None:
    values = correlated(np.random.default_rng(2), 200, 4)
    plain, with_1 = RunningCorrelation(4), RunningCorrelation(4, decay=1.0)
    plain.add(values)
    with_1.add(values)
    np.testing.assert_array_equal(plain.correlation(), with_1.correlation())


def test_after_a_half_life_a_sample_weighs_half() -> None:
    assert decay_of(1) == 0.5
    assert decay_of(300) ** 300 == pytest.approx(0.5)
    with pytest.raises(ValueError, match=r"the half-life is 0.5 samples, expected at least 1"):
        decay_of(0.5)


@pytest.mark.parametrize("decay", [0.0, 0.4, 1.1, float("nan")])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"a sample, expected 0.5 to 1"):
        RunningCorrelation(3, decay=decay)


def test_decaying_correlations_are_not_merged() -> None:
    for mine, theirs in ((0.9, 0.9), (None, 0.9), (0.9, None)):
        with pytest.raises(ValueError, match="a decay cannot be merged: their samples have no common order"):
            RunningCorrelation(3, decay=mine).merge(RunningCorrelation(3, decay=theirs))
