"""The running correlation is numpy's, whatever the split and the order."""

import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.correlation import RunningCorrelation
from tests.clustering.correlation.streams import (
    Floats,
    Make,
    batches,
    copies,
    corrcoef,
    correlated,
    ramps,
    streams,
    two_valued,
)


def running(values: Floats, reservoir: int = 0) -> RunningCorrelation:
    correlation = RunningCorrelation(values.shape[-1], reservoir=reservoir)
    correlation.add(values)
    return correlation


@settings(max_examples=200, deadline=None)
@given(batches(), st.sampled_from([1, 7, 64, 128]))
def test_it_is_numpys_over_the_concatenation_however_samples_are_split(
    parts: list[Floats], gather: int
) -> None:
    values = np.vstack(parts)
    correlation = RunningCorrelation(values.shape[1], gather=gather)
    for part in parts:
        correlation.add(part)
    assert correlation.count == len(values)
    found = correlation.correlation()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, corrcoef(values), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found, found.T)


def test_the_reference_is_corrcoef() -> None:
    values = correlated(np.random.default_rng(0), 50, 6)
    np.testing.assert_allclose(corrcoef(values), np.corrcoef(values, rowvar=False), atol=1e-14)
    np.testing.assert_allclose(
        running(values).correlation(), np.corrcoef(values, rowvar=False), rtol=0, atol=1e-6
    )


@settings(deadline=None)
@given(batches())
def test_the_split_changes_no_bit(parts: list[Floats]) -> None:
    whole, split = running(np.vstack(parts)), RunningCorrelation(np.vstack(parts).shape[1])
    for part in parts:
        split.add(part)
    np.testing.assert_array_equal(split.correlation(), whole.correlation())


@settings(deadline=None)
@given(batches(), st.data())
def test_merging_in_any_order_gives_the_same_to_rounding(parts: list[Floats], data: st.DataObject) -> None:
    left = [running(part) for part in parts]
    while len(left) > 1:
        into, taken = data.draw(st.permutations(range(len(left))))[:2]
        left[into].merge(left[taken])
        left.pop(taken)
    values = np.vstack(parts)
    assert left[0].count == len(values)
    np.testing.assert_allclose(left[0].correlation(), corrcoef(values), rtol=0, atol=1e-6)


def test_the_other_stays_as_it_is_in_a_merge() -> None:
    values = correlated(np.random.default_rng(1), 150, 5)
    mine, other = running(values[:70], reservoir=20), running(values[70:], reservoir=20)
    before = other.state()
    mine.merge(other)
    for name, value in other.state().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_merging_goes_on_as_usual() -> None:
    values = correlated(np.random.default_rng(2), 1000, 5)
    mine = running(values[:300])
    mine.merge(running(values[300:500]))
    mine.add(values[500:])
    np.testing.assert_allclose(mine.correlation(), corrcoef(values), rtol=0, atol=1e-6)


def test_asking_in_between_changes_it_by_rounding_only() -> None:
    values = correlated(np.random.default_rng(3), 300, 8)
    asked = RunningCorrelation(8)
    for scan in values:
        asked.add(scan)
        asked.correlation()
    np.testing.assert_allclose(asked.correlation(), corrcoef(values), rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [correlated, copies, two_valued, ramps])
@pytest.mark.parametrize("period", [20_000, 64])
def test_rounding_does_not_add_up_over_20000_samples(make: Make, period: int) -> None:
    """With a period of 64, every update is the same and so is its rounding."""
    random = np.random.default_rng(4)
    period_values = make(random, period, 96)
    period_values += 1000 * period_values.std(axis=0)
    values = period_values.astype(np.float32)[np.arange(20_000) % period]
    expected = corrcoef(values)
    for parts in ([values], np.array_split(values, 300)):
        correlation = RunningCorrelation(96)
        for part in parts:
            correlation.add(part)
        np.testing.assert_allclose(correlation.correlation(), expected, rtol=0, atol=1e-6)


def test_scales_that_change_by_far_are_followed() -> None:
    random = np.random.default_rng(5)
    values = correlated(random, 400, 6)
    values[:100] *= 1e-19  # nearly silent: the products leave float32's range
    values[200:] *= 1e4
    values[300:, :3] *= 1e15
    for stop in (100, 200, 300, 400):
        found = running(values[:stop]).correlation()
        np.testing.assert_allclose(found, corrcoef(values[:stop]), rtol=0, atol=1e-6)
    merged = running(values[:100])
    merged.merge(running(values[100:]))
    np.testing.assert_allclose(merged.correlation(), corrcoef(values), rtol=0, atol=1e-6)


def test_units_of_several_layers_are_one_set() -> None:
    scans = np.random.default_rng(6).normal(size=(90, 3, 4)).astype(np.float32)
    correlation = RunningCorrelation(12)
    for scan in scans:
        correlation.add(scan.reshape(-1))
    np.testing.assert_allclose(correlation.correlation(), corrcoef(scans.reshape(90, 12)), rtol=0, atol=1e-6)


def test_it_keeps_nothing_of_the_callers_memory() -> None:
    values = correlated(np.random.default_rng(7), 30, 4)
    correlation, lent = RunningCorrelation(4, reservoir=10), values.copy()
    correlation.add(lent)
    lent[:] = 0
    np.testing.assert_allclose(correlation.correlation(), corrcoef(values), rtol=0, atol=1e-6)


def test_an_update_copies_nothing_that_grows_with_the_square() -> None:
    units = 2048
    correlation = RunningCorrelation(units)
    values = np.random.default_rng(8).normal(size=(64 * 16, units)).astype(np.float32)
    correlation.add(values[:64])
    tracemalloc.start()
    try:
        correlation.add(values)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * units**2 / 2


def test_without_samples_every_unit_is_constant() -> None:
    correlation = RunningCorrelation(3)
    np.testing.assert_array_equal(correlation.correlation(), np.eye(3))
    assert correlation.constant.all()
    correlation.add(np.ones((0, 3)))
    assert correlation.count == 0


def test_merging_with_an_empty_one_changes_nothing() -> None:
    values = correlated(np.random.default_rng(9), 30, 4)
    for first, second in ((values, values[:0]), (values[:0], values)):
        mine = running(first)
        mine.merge(running(second))
        np.testing.assert_allclose(mine.correlation(), corrcoef(values), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (partial(RunningCorrelation, 0), "units is 0, expected at least 1"),
        (partial(RunningCorrelation, 3, reservoir=-1), "reservoir is -1, expected at least 0"),
        (partial(RunningCorrelation, 3, seed=-2), "seed is -2, expected at least 0"),
        (partial(RunningCorrelation, 3, gather=0), "gather is 0 rows, expected 1 to 128"),
        (partial(RunningCorrelation, 3, gather=500), "gather is 500 rows, expected 1 to 128"),
        (partial(RunningCorrelation, 3, skip_first=-1), "skip_first is -1, expected 0 tokens or more"),
    ],
)
def test_options_out_of_range_are_refused(make: Callable[[], RunningCorrelation], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (RunningCorrelation(4), "units is 4 in what is to be merged, expected 3 as here"),
        (RunningCorrelation(3, skip_first=2), "skip_first is 2 in what is to be merged, expected 1"),
        (RunningCorrelation(3, reservoir=5), "reservoir is 5 in what is to be merged, expected 0"),
        (RunningCorrelation(3, left_out=[1]), "unit 1 is left out in only one of the two"),
    ],
)
def test_what_counts_otherwise_is_not_merged(other: RunningCorrelation, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RunningCorrelation(3).merge(other)


@settings(max_examples=20, deadline=None)
@given(streams(most=80))
def test_a_correlation_is_never_beyond_1(values: Floats) -> None:
    assert np.abs(running(values).correlation()).max() <= 1
