"""The strongest partners of each unit, against sorting whole rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_clustering.correlation import Partners, partners_of_samples, strongest_pairs, strongest_partners


def correlation_of(seed: int, units: int) -> np.ndarray:
    samples = np.random.default_rng(seed).normal(size=(3 * units, units))
    return np.asarray(np.corrcoef(samples.T), np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.integers(1, 2))
def test_partners_are_the_first_of_each_sorted_row(seed: int, units: int, number: int) -> None:
    correlation = correlation_of(seed, units)
    found = strongest_partners(correlation, number)
    for unit in range(units):
        others = np.delete(correlation[unit], unit)
        np.testing.assert_array_equal(np.abs(found.r[unit]), np.sort(np.abs(others))[::-1][:number])
        np.testing.assert_array_equal(correlation[unit, found.unit[unit]], found.r[unit])


def test_more_rows_than_are_taken_at_a_time_are_as_good() -> None:
    correlation = correlation_of(1, 600)
    found = strongest_partners(correlation, 5)
    np.fill_diagonal(correlation, 0)
    np.testing.assert_array_equal(np.abs(found.r), -np.sort(-np.abs(correlation), axis=1)[:, :5])


@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.integers(1, 50))
def test_pairs_are_the_strongest_of_all_each_once(seed: int, units: int, number: int) -> None:
    correlation = correlation_of(seed, units)
    pairs, r = strongest_pairs(strongest_partners(correlation, units - 1), number)
    upper = np.abs(correlation[np.triu_indices(units, 1)])
    np.testing.assert_array_equal(np.abs(r), np.sort(upper)[::-1][:number])
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs)
    assert (pairs[:, 0] < pairs[:, 1]).all()


def test_pairs_of_some_units_hold_at_least_one_of_them() -> None:
    correlation = correlation_of(3, 12)
    among = np.arange(12) == 7
    pairs, r = strongest_pairs(strongest_partners(correlation, 11), 100, among)
    assert len(pairs) == 11
    assert (pairs == 7).any(axis=1).all()
    assert (np.diff(np.abs(r)) <= 0).all()


def test_a_unit_that_takes_no_part_has_no_partner() -> None:
    correlation = correlation_of(4, 6)
    correlation[2] = correlation[:, 2] = 0
    correlation[2, 2] = 1
    found = strongest_partners(correlation, 5)
    assert (found.unit[2] == -1).all()
    assert (found.unit == 2).sum() == 0
    assert not (strongest_pairs(found, 100)[0] == 2).any()


def test_impossible_numbers_are_refused_with_both() -> None:
    with pytest.raises(ValueError, match="9 partners are asked for, expected 1 to 5 for 6 units"):
        strongest_partners(correlation_of(0, 6), 9)
    with pytest.raises(ValueError, match=r"\[3, 6\], expected \[units, units\]"):
        strongest_partners(correlation_of(0, 6)[:3], 1)
    nobody = Partners(np.full((4, 2), -1, np.int32), np.zeros((4, 2), np.float32))
    assert len(strongest_pairs(nobody, 10)[0]) == 0


def test_partners_from_samples_are_those_of_their_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(0).standard_normal((40, 300)).astype(np.float32)
    exact = strongest_partners(np.asarray(np.corrcoef(samples, rowvar=False), np.float32), 4)
    found = partners_of_samples(samples, 4)
    np.testing.assert_allclose(np.abs(found.r), np.abs(exact.r), atol=1e-6)
    source = np.random.default_rng(1).standard_normal((40, 12))[:, np.arange(300) % 12]
    samples = (source + 0.3 * samples).astype(np.float32)
    exact = strongest_partners(np.asarray(np.corrcoef(samples, rowvar=False), np.float32), 4)
    monkeypatch.setattr("llmri_clustering.correlation.sampled_partners.EXACT", 100)
    found = partners_of_samples(samples, 4)
    assert np.mean(found.unit == exact.unit) > 0.95
    with pytest.raises(ValueError, match="300 partners are asked for, expected 1 to 299"):
        partners_of_samples(samples, 300)
