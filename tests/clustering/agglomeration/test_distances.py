import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import pdist  # type: ignore[import-untyped]

from llmri_clustering.agglomeration import distances as module
from llmri_clustering.agglomeration.distances import distances_of_correlation, distances_of_units
from llmri_clustering.agglomeration.standardise import standardised
from llmri_clustering.clusters import Distance

CHOICES: dict[Distance, Callable[[np.ndarray], np.ndarray]] = {
    "1 - r": lambda r: 1 - r,
    "1 - |r|": lambda r: 1 - abs(r),
}
ROWS = 16
SIZES = (1, 2, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS + 5)


def normal(samples: int, units: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(samples, units))


def distances_of_samples(samples: np.ndarray, distance: Distance, *, euclidean: bool = False) -> np.ndarray:
    rows = standardised(samples, np.float64) if euclidean else standardised(samples)
    return distances_of_units(rows, distance, euclidean=euclidean)


def upper(square: np.ndarray) -> np.ndarray:
    return square[np.triu_indices(len(square), 1)]


@pytest.mark.parametrize("distance", CHOICES)
@pytest.mark.parametrize("units", SIZES)
@pytest.mark.parametrize("limit", ["ROWS", "ELEMENTS"])
def test_distances_are_those_of_corrcoef_in_scipys_order(
    units: int, distance: Distance, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, ROWS if limit == "ROWS" else 5 * units)
    samples = normal(30, units)
    r = np.atleast_2d(np.corrcoef(samples, rowvar=False))
    expected = upper(CHOICES[distance](r))
    assert np.allclose(distances_of_samples(samples, distance), expected, atol=1e-6)
    assert np.allclose(distances_of_correlation(r, distance), expected, atol=1e-15)
    assert np.allclose(distances_of_correlation(r.astype(np.float32), distance), expected, atol=1e-6)


def test_a_constant_unit_is_at_distance_1_from_all() -> None:
    samples = normal(30, 5)
    samples[:, 0] = 4
    assert distances_of_samples(samples, "1 - r")[:4].tolist() == [1, 1, 1, 1]


def test_rounding_makes_no_negative_distance() -> None:
    samples = np.repeat(normal(50, 40), 5, axis=1)
    assert distances_of_samples(samples, "1 - r").min() == 0


def test_the_euclidean_distance_is_that_of_standardised_units() -> None:
    samples = normal(30, 60)
    units = (samples - samples.mean(axis=0)) / (samples.std(axis=0) * np.sqrt(30))
    assert np.allclose(distances_of_samples(samples, "1 - r", euclidean=True), pdist(units.T), atol=1e-12)


def test_without_the_sign_it_is_that_of_their_projections() -> None:
    samples = normal(6, 40)
    units = (samples - samples.mean(axis=0)) / (samples.std(axis=0) * np.sqrt(6))
    projections = np.einsum("iu,ju->uij", units, units).reshape(40, 36)
    distances = distances_of_samples(samples, "1 - |r|", euclidean=True)
    assert np.allclose(distances, pdist(projections), atol=1e-12)


def test_units_that_are_the_same_are_at_no_euclidean_distance() -> None:
    samples = np.repeat(normal(50, 1).astype(np.float32), 30, axis=1)
    assert distances_of_samples(samples, "1 - r", euclidean=True).max() < 1e-7


@pytest.mark.parametrize("given", ["samples", "correlation"])
def test_there_is_no_square_matrix_on_the_way(given: str) -> None:
    units = 3000
    values = normal(16, units).astype(np.float32)
    if given == "correlation":
        values = np.eye(units, dtype=np.float32)
    make = distances_of_samples if given == "samples" else distances_of_correlation
    tracemalloc.start()
    distances = make(values, "1 - r")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - distances.nbytes < units * units * 4 / 3


@pytest.mark.parametrize(
    ("correlation", "sentence"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\) is not square"),
        (np.zeros(4), r"shape \(4,\) is not square"),
        (np.zeros((0, 0)), "0 units, expected at least 1"),
        (np.array([[1, 1.5], [1.5, 1]]), "1.5 in magnitude, expected numbers from -1 to 1"),
        (np.array([[1, np.nan], [np.nan, 1]]), "nan in magnitude, expected numbers from -1 to 1"),
    ],
)
def test_what_is_no_correlation_is_named(correlation: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        distances_of_correlation(correlation, "1 - r")


def test_an_unknown_distance_is_named() -> None:
    with pytest.raises(ValueError, match="no distance 'cosine', expected '1 - r' or"):
        distances_of_samples(normal(5, 3), "cosine")  # type: ignore[arg-type]
