"""Scans in half precision: the same scans, in a third of their bytes and less, with an error that is told."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering import UnitSet, linkage_from_samples
from llmri_clustering.collecting import Collection, HalfSamples, KeptScans, scans_within
from llmri_clustering.collecting.half_samples import measured_error
from llmri_clustering.sources import source_of
from tests.clustering.planted import Values, blocks

ALLOWED = 0.005


def wild(units: int, samples: int, seed: int = 0) -> Values:
    """Units in blocks at every scale, far from 0, dead or nearly, and with outliers of 200 deviations."""
    random = np.random.default_rng(seed)
    values, _ = blocks(random, samples, [units // 4] * 4, correlation=0.5)
    values = values * np.exp(random.normal(0, 4, units)) + np.where(random.random(units) < 0.3, 50, 0)
    deviation = values.std(axis=0)
    spiked = random.random(units) < 0.4
    rows = random.integers(samples, size=units)
    values[rows[spiked], np.flatnonzero(spiked)] += 200 * deviation[spiked]
    values[:, 0] = 0
    values[:, 1] = np.where(np.arange(samples) == samples - 1, 3, 0)
    return np.asarray(values, dtype=np.float32)


def kept(values: Values, size: int | None = None) -> KeptScans:
    scans = KeptScans(size or len(values), 0, half=True)
    for token, row in enumerate(values):
        scans.add(row, 1, token)
    return scans


def samples_of(scans: KeptScans) -> HalfSamples:
    return HalfSamples.of_kept(scans.in_order(), scans.witnesses)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), samples=st.integers(4, 300))
def test_no_correlation_is_off_by_more_than_is_told(seed: int, samples: int) -> None:
    values = wild(80, samples, seed)
    found = samples_of(kept(values))
    truth = measured_error(values, found.columns(slice(None)))
    told = found.error()
    assert not told.estimate
    assert told.measured == pytest.approx(truth, abs=1e-6)
    assert truth <= told.most
    assert told.measured <= ALLOWED


def test_the_error_of_many_units_is_an_estimate_within_what_is_calculated() -> None:
    values = wild(1000, 400)
    told = samples_of(kept(values)).error()
    assert told.estimate
    assert (told.witnesses, told.units) == (256, 1000)
    assert told.measured <= told.most <= ALLOWED
    assert "estimated from the pairs of 256 of 1000 units" in told.words()


def test_which_scans_are_kept_is_the_same_in_either_precision() -> None:
    values = wild(8, 500)
    exact = KeptScans(40, 7)
    half = KeptScans(40, 7, half=True)
    for token, row in enumerate(values):
        exact.add(row, 1, token)
        half.add(row, 1, token)
    assert [scan.number for scan in exact.in_order()] == [scan.number for scan in half.in_order()]


def test_what_was_taken_stays_though_the_coding_changes_later() -> None:
    scans = KeptScans(100, 0, half=True)
    first = np.random.default_rng(0).standard_normal((40, 300)).astype(np.float32)
    for token, row in enumerate(first):
        scans.add(row, 1, token)
    taken = HalfSamples.of_kept(scans.in_order(), scans.witnesses)
    before = taken.columns(slice(None)).copy()
    for token, row in enumerate(first * 1e4 + 1e6):
        scans.add(row, 2, token)
    np.testing.assert_array_equal(taken.columns(slice(None)), before)
    np.testing.assert_allclose(before, first, rtol=2e-3, atol=2e-3)
    assert np.isfinite(samples_of(scans).columns(slice(None))).all()


def test_a_value_beyond_what_half_precision_holds_is_kept_all_the_same() -> None:
    values = np.random.default_rng(1).standard_normal((60, 5)).astype(np.float32)
    values[50, 2] = 1e9
    found = samples_of(kept(values)).columns(slice(None))
    assert len(found) == len(values)
    assert found[50, 2] == pytest.approx(1e9, rel=1e-3)
    np.testing.assert_allclose(found[:, [0, 1, 3, 4]], values[:, [0, 1, 3, 4]], rtol=2e-3, atol=2e-3)


def test_two_thousand_scans_of_131072_units_fit_into_512_mebibytes() -> None:
    assert scans_within(512 * 2**20, 131_072) >= 2000
    scans = kept(wild(1000, 300))
    assert scans.nbytes == 300 * (1000 * 2 + 256 * 4)


def test_what_is_written_is_mapped_and_read_a_few_units_at_a_time(tmp_path: Path) -> None:
    found = samples_of(kept(wild(300, 50)))
    found.write(tmp_path)
    opened = HalfSamples.opened(tmp_path)
    assert isinstance(opened.coded, np.memmap)
    chosen = np.array([7, 3, 299])
    np.testing.assert_array_equal(opened.columns(chosen), found.columns(chosen))
    assert opened.error().words() == found.error().words()
    whole = source_of(found.columns(slice(None)))
    np.testing.assert_array_equal(linkage_from_samples(opened), linkage_from_samples(whole))


def test_samples_of_a_collection_in_half_precision_come_with_their_places() -> None:
    units = UnitSet.of_layers("mlp_act", [0], 6)
    ours = Collection(units, left_out=np.zeros(6, np.bool_), keep=20, half=True)
    ours.transcript.begin(1)
    for token in range(1, 30):
        ours.scan(1, token, np.arange(6, dtype=np.float32) * token)
    stored, exact = ours.stored_samples(), ours.samples()
    np.testing.assert_array_equal(stored.token, exact.token)
    np.testing.assert_array_equal(stored.values.columns(slice(None)), exact.values)
    plain = Collection(units, left_out=np.zeros(6, np.bool_), keep=20)
    with pytest.raises(ValueError, match="0 scans are not all in one coding"):
        plain.stored_samples()
