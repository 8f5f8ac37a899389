import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.clusters import Distance
from llmri_clustering.evidence import quality_of_correlation, quality_of_samples
from tests.clustering.planted import blocks, noise

DISTANCES: tuple[Distance, Distance] = ("1 - r", "1 - |r|")


def by_pairs(
    correlation: npt.NDArray[np.float64], labels: npt.NDArray[np.int32]
) -> tuple[list[float], list[float]]:
    """Mean correlation inside each cluster and separation, pair by pair."""
    numbers = sorted(set(labels.tolist()) - {-1})
    units = {number: np.flatnonzero(labels == number) for number in numbers}
    inside, separation = [], []
    for number in numbers:
        pairs = [correlation[i, j] for i in units[number] for j in units[number] if i < j]
        inside.append(float(np.mean(pairs)) if pairs else 0.0)
        others = [
            float(np.mean(correlation[np.ix_(units[number], units[other])]))
            for other in numbers
            if other != number
        ]
        separation.append(inside[-1] - max(others, default=0.0))
    return inside, separation


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), units=st.integers(2, 30), clusters=st.integers(1, 6))
@pytest.mark.parametrize("distance", DISTANCES)
def test_both_ways_equal_the_mean_over_pairs(
    distance: Distance, seed: int, units: int, clusters: int
) -> None:
    rng = np.random.default_rng(seed)
    values = noise(rng, 40, units) + 100
    labels = rng.integers(-1, clusters, size=units).astype(np.int32)
    correlation = np.atleast_2d(np.corrcoef(values.astype(np.float64), rowvar=False))
    expected = by_pairs(np.abs(correlation) if distance == "1 - |r|" else correlation, labels)
    for quality in (
        quality_of_samples(values, labels, distance=distance),
        quality_of_correlation(correlation.astype(np.float32), labels, distance=distance),
    ):
        assert quality.inside == pytest.approx(expected[0], abs=2e-5)
        assert quality.separation == pytest.approx(expected[1], abs=2e-5)
        assert quality.sizes.tolist() == [int((labels == number).sum()) for number in quality.numbers]


def test_a_large_set_is_summed_in_blocks_to_the_same() -> None:
    values, labels = blocks(np.random.default_rng(1), 64, [300, 500, 400], alone=100)
    sampled = quality_of_samples(values, labels, distance="1 - |r|")
    known = quality_of_correlation(
        np.asarray(np.corrcoef(values, rowvar=False), np.float32), labels, distance="1 - |r|"
    )
    np.testing.assert_allclose(sampled.inside, known.inside, atol=1e-5)
    np.testing.assert_allclose(sampled.separation, known.separation, atol=1e-5)


def test_a_cluster_of_one_unit_has_no_inside_and_no_nan() -> None:
    values = noise(np.random.default_rng(2), 30, 3)
    quality = quality_of_samples(values, np.array([4, 7, 7], dtype=np.int32))
    assert quality.numbers.tolist() == [4, 7]
    assert quality.inside[0] == 0
    assert np.isfinite(quality.separation).all()


def test_a_constant_unit_correlates_with_nothing() -> None:
    values = noise(np.random.default_rng(3), 30, 3)
    values[:, 2] = 0.1
    same = np.repeat(values[:, :1], 2, axis=1)
    quality = quality_of_samples(np.concatenate([same, values[:, 2:]], axis=1), np.zeros(3, dtype=np.int32))
    assert quality.inside[0] == pytest.approx(1 / 3)


def test_no_cluster_gives_no_quality() -> None:
    quality = quality_of_samples(noise(np.random.default_rng(4), 9, 3), np.full(3, -1, dtype=np.int32))
    assert len(quality.numbers) == len(quality.inside) == len(quality.separation) == 0
