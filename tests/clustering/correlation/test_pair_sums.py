"""Sums over pairs of units stay exact however many products are added."""

import numpy as np
import pytest
from scipy.fft import idct  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.correlation.pair_sums import PairSums
from tests.clustering.correlation.streams import F64, KINDS, Make


def off_diagonal(sums: PairSums, units: int) -> F64:
    found = np.zeros((units, units))
    for rows, columns, tile in sums.tiles():
        found[rows, columns] = tile
    return np.triu(found, 1)


def uneven_spectrum(random: np.random.Generator, samples: int, units: int) -> F64:
    """Return rows of which a plain cosine transform makes one large number and many equal small ones."""
    spectrum = np.r_[8.0, np.full(samples - 1, 0.35)]
    return np.outer(idct(spectrum, norm="ortho"), random.uniform(0.5, 2, units))


@pytest.mark.parametrize("make", [*KINDS, uneven_spectrum])
def test_one_product_is_exact_to_rounding_whatever_the_values(make: Make) -> None:
    rows = make(np.random.default_rng(0), 64, 512)
    sums = PairSums(512)
    sums.add_products(rows)
    length = np.linalg.norm(rows, axis=0)
    error = (off_diagonal(sums, 512) - np.triu(rows.T @ rows, 1)) / np.outer(length, length)
    assert np.abs(error).max() < 1e-6


def test_the_error_falls_with_the_number_of_products() -> None:
    random = np.random.default_rng(1)
    sums, expected = PairSums(20), np.zeros((20, 20))
    errors = []
    for count in range(1, 16 * 400 + 1):
        rows = random.normal(1, 0.3, (2, 20))
        sums.add_products(rows)
        expected += rows.T @ rows
        if count in (16, 16 * 400):
            above = np.triu_indices(20, 1)
            errors.append(np.abs(off_diagonal(sums, 20)[above] / expected[above] - 1).max())
    assert errors[0] < 3e-7
    assert errors[1] < 3e-8  # less than the rounding of one float32 number


@pytest.mark.parametrize("units", [1, 127, 128, 129, 300])
def test_fading_shifting_and_absorbing_are_exact_over_any_number_of_tiles(units: int) -> None:
    random = np.random.default_rng(units)
    mine, theirs = PairSums(units), PairSums(units)
    expected, added = np.zeros((units, units)), np.zeros((units, units))
    for _ in range(20):
        rows, others = random.normal(size=(2, 3, units))
        mine.add_products(rows, keep=0.75)
        theirs.add_products(others)
        expected = 0.75 * expected + rows.T @ rows
        added += others.T @ others
    mine.shift(units // 2, 3)
    expected[units // 2] *= 8
    expected[:, units // 2] *= 8
    scale, factor, row = random.uniform(0.5, 2, (3, units))
    mine.absorb(theirs, scale, factor, row)
    expected = expected * np.outer(scale, scale) + added * np.outer(factor, factor) + np.outer(row, row)
    np.testing.assert_allclose(off_diagonal(mine, units), np.triu(expected, 1), rtol=0, atol=3e-5)
    np.testing.assert_allclose(off_diagonal(theirs, units), np.triu(added, 1), rtol=0, atol=3e-5)
