import numpy as np
import pytest
from sklearn.manifold import trustworthiness as of_sklearn  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.layout import neighbour_overlap, trustworthiness

RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(size=(30, 60))
POSITIONS = RNG.normal(size=(60, 2))


def test_trustworthiness_is_that_of_the_correlation_distance() -> None:
    distance = np.clip(1 - np.corrcoef(SAMPLES, rowvar=False), 0, None)
    np.fill_diagonal(distance, 0)
    expected = of_sklearn(distance, POSITIONS, n_neighbors=15, metric="precomputed")
    assert trustworthiness(SAMPLES, POSITIONS) == pytest.approx(expected, abs=1e-9)


def test_overlap_counts_shared_neighbours() -> None:
    correlation = np.atleast_2d(np.corrcoef(SAMPLES, rowvar=False))
    apart = np.linalg.norm(POSITIONS[:, None] - POSITIONS, axis=2)
    np.fill_diagonal(correlation, -np.inf)
    np.fill_diagonal(apart, np.inf)
    shared = [
        len(set(np.argsort(-correlation[unit])[:15]) & set(np.argsort(apart[unit])[:15]))
        for unit in range(60)
    ]
    assert neighbour_overlap(SAMPLES, POSITIONS) == pytest.approx(np.mean(shared) / 15)


def test_overlap_is_defined_where_units_share_a_place() -> None:
    assert 0 <= neighbour_overlap(SAMPLES, np.zeros((60, 2))) <= 1


def test_positions_of_other_units_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(59, 2\), expected \(60, 2\)"):
        neighbour_overlap(SAMPLES, POSITIONS[:59])
