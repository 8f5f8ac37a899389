"""Neighbours of very many units, looked for in the cells around each."""

import numpy as np
import pytest

from llmri_clustering.layout import hebbian, hebbian_layout, nearest_by_correlation, trustworthiness
from llmri_clustering.layout.cells import nearest_in_cells
from llmri_clustering.layout.standardising import standardised


def in_blocks(units: int, samples: int = 80) -> np.ndarray:
    random = np.random.default_rng(0)
    source = random.standard_normal((samples, units // 25))
    found: np.ndarray = source[:, random.integers(units // 25, size=units)]
    return (found + 0.7 * random.standard_normal(found.shape)).astype(np.float32)


def test_nearly_all_of_the_nearest_are_found_and_none_is_made_up() -> None:
    samples = in_blocks(1200)
    exact, _ = nearest_by_correlation(samples, 10)
    units = np.ascontiguousarray(standardised(samples))
    found, r = nearest_in_cells(units, 10, np.random.default_rng(0))
    assert found.shape == r.shape == (1200, 10)
    assert (np.diff(r, axis=1) <= 0).all()
    assert (found != np.arange(1200)[:, None]).all()
    assert all(len(set(row)) == 10 for row in found.tolist())
    np.testing.assert_allclose(np.einsum("us,uks->uk", units, units[found]), r, atol=1e-5)
    same = [len(set(one) & set(other)) for one, other in zip(exact.tolist(), found.tolist(), strict=True)]
    assert np.mean(same) > 9.5


def test_where_cells_hold_fewer_than_are_asked_for_all_units_are_looked_at() -> None:
    samples = in_blocks(60)
    exact, _ = nearest_by_correlation(samples, 55)
    found, _ = nearest_in_cells(np.ascontiguousarray(standardised(samples)), 55, np.random.default_rng(0))
    assert all(len(set(row)) == 55 for row in found.tolist())
    np.testing.assert_array_equal(found[:, 0], exact[:, 0])


def test_the_layout_is_as_trustworthy(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = in_blocks(1500)
    exact = trustworthiness(samples, hebbian_layout(samples))
    monkeypatch.setattr(hebbian, "EXACT", 100)
    assert trustworthiness(samples, hebbian_layout(samples)) > exact - 0.01
