import tracemalloc
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy  # type: ignore[import-untyped]
from scipy.spatial.distance import squareform  # type: ignore[import-untyped]

from llmri_clustering.agglomeration import linkage, linkage_from_samples
from llmri_clustering.agglomeration.distances import distances_of_units
from llmri_clustering.agglomeration.neighbourhood import neighbourhood_order
from llmri_clustering.agglomeration.standardise import standardised
from llmri_clustering.clusters import Distance, Method

METHODS: tuple[Method, ...] = get_args(Method)
DISTANCES: tuple[Distance, ...] = get_args(Distance)


def independent(random: np.random.Generator, units: int) -> np.ndarray:
    return random.normal(size=(64, units))


def in_blocks(random: np.random.Generator, units: int) -> np.ndarray:
    sources = random.normal(size=(64, max(1, units // 12)))
    return sources[:, random.integers(sources.shape[1], size=units)] + random.normal(size=(64, units))


def in_families(random: np.random.Generator, units: int) -> np.ndarray:
    blocks = in_blocks(random, units)
    family = random.normal(size=(64, 3))
    signs = random.choice([-1.0, 1.0], size=units)
    samples: np.ndarray = (blocks + family[:, random.integers(3, size=units)]) * signs
    return samples


STRUCTURES = {made.__name__: made for made in (independent, in_blocks, in_families)}


def reference(samples: np.ndarray, method: Method, distance: Distance) -> np.ndarray:
    """The tree by numpy and scipy alone."""
    r = np.corrcoef(samples, rowvar=False)
    if method == "ward":
        far: np.ndarray = np.sqrt(np.maximum(2 - 2 * (r if distance == "1 - r" else r**2), 0))
    else:
        far = 1 - (r if distance == "1 - r" else abs(r))
    found: np.ndarray = hierarchy.linkage(squareform(far, checks=False), method)
    return found


cases = given(
    structure=st.sampled_from(sorted(STRUCTURES)),
    units=st.integers(2, 150),
    seed=st.integers(0, 2**32 - 1),
    method=st.sampled_from(METHODS),
    distance=st.sampled_from(DISTANCES),
)


@cases
@settings(max_examples=150, deadline=None)
def test_cophenetic_distances_are_those_of_scipy(
    structure: str, units: int, seed: int, method: Method, distance: Distance
) -> None:
    samples = STRUCTURES[structure](np.random.default_rng(seed), units)
    tree = linkage(np.corrcoef(samples, rowvar=False), method=method, distance=distance)
    expected = reference(samples, method, distance)
    assert hierarchy.is_valid_linkage(tree)
    assert np.abs(hierarchy.cophenet(tree) - hierarchy.cophenet(expected)).max() < 1e-5


@cases
@settings(max_examples=100, deadline=None)
def test_from_samples_they_are_those_of_scipy_on_the_same_distances(
    structure: str, units: int, seed: int, method: Method, distance: Distance
) -> None:
    """Float32 may turn near ties round, so the reference gets its distances; they are tested elsewhere."""
    samples = STRUCTURES[structure](np.random.default_rng(seed), units)
    tree = linkage_from_samples(samples, method=method, distance=distance)
    ward = method == "ward"
    rows = standardised(samples, np.float64) if ward else standardised(samples)
    rows = rows[neighbourhood_order(rows, signed=distance == "1 - r")]
    expected = hierarchy.linkage(distances_of_units(rows, distance, euclidean=ward), method)
    assert hierarchy.is_valid_linkage(tree)
    assert np.allclose(np.sort(tree[:, 2]), np.sort(expected[:, 2]), atol=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_from_float32_samples_cophenetic_distances_are_those_of_scipy(
    structure: str, method: Method, distance: Distance
) -> None:
    samples = STRUCTURES[structure](np.random.default_rng(0), 400).astype(np.float32)
    tree = linkage_from_samples(samples, method=method, distance=distance)
    expected = reference(samples, method, distance)
    assert np.abs(hierarchy.cophenet(tree) - hierarchy.cophenet(expected)).max() < 1e-5


def test_ward_is_scipys_ward_on_the_standardised_units() -> None:
    samples = in_blocks(np.random.default_rng(1), 80)
    units = (samples - samples.mean(axis=0)) / (samples.std(axis=0) * np.sqrt(len(samples)))
    expected = hierarchy.linkage(units.T, "ward")
    found = linkage_from_samples(samples, method="ward")
    assert np.allclose(hierarchy.cophenet(found), hierarchy.cophenet(expected), atol=1e-5)


def test_ward_without_signs_is_scipys_ward_on_the_projections() -> None:
    samples = in_families(np.random.default_rng(2), 80)[:12]
    units = (samples - samples.mean(axis=0)) / (samples.std(axis=0) * np.sqrt(len(samples)))
    projections = np.einsum("iu,ju->uij", units, units).reshape(80, -1)
    expected = hierarchy.linkage(projections, "ward")
    found = linkage_from_samples(samples, method="ward", distance="1 - |r|")
    assert np.allclose(hierarchy.cophenet(found), hierarchy.cophenet(expected), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_constant_units_never_make_a_height_that_is_no_number(method: Method, distance: Distance) -> None:
    samples = in_blocks(np.random.default_rng(3), 30)
    samples[:, ::4] = 0.1
    tree = linkage_from_samples(samples, method=method, distance=distance)
    assert hierarchy.is_valid_linkage(tree)
    assert np.isfinite(tree).all()


def test_constant_units_are_at_distance_1_from_each_other() -> None:
    assert linkage_from_samples(np.ones((5, 3)))[:, 2].tolist() == [1, 1]


def test_a_sign_counts_only_where_it_is_said_to() -> None:
    unit = np.random.default_rng(4).normal(size=20)
    samples = np.stack([unit, -unit], axis=1)
    assert linkage_from_samples(samples, distance="1 - r")[0, 2] == pytest.approx(2)
    assert linkage_from_samples(samples, distance="1 - |r|")[0, 2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_one_unit_has_an_empty_tree(method: Method) -> None:
    assert linkage_from_samples(np.zeros((3, 1)), method=method).shape == (0, 4)
    assert linkage(np.ones((1, 1)), method=method).shape == (0, 4)


def test_what_is_given_stays_as_it_was() -> None:
    samples = in_blocks(np.random.default_rng(5), 40)
    r = np.corrcoef(samples, rowvar=False)
    before = samples.copy(), r.copy()
    linkage_from_samples(samples)
    linkage(r, distance="1 - |r|")
    assert np.array_equal(samples, before[0])
    assert np.array_equal(r, before[1])


def test_distances_are_never_held_twice() -> None:
    units = 3000
    samples = in_blocks(np.random.default_rng(6), units).astype(np.float32)
    linkage_from_samples(samples[:, :2])
    condensed = units * (units - 1) // 2 * 8
    tracemalloc.start()
    linkage_from_samples(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.25 * condensed


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="no method 'single', expected one of average, complete, ward"):
        linkage(np.eye(3), method="single")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no distance 'r'"):
        linkage_from_samples(np.eye(3), distance="r")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 units"):
        linkage_from_samples(np.zeros((5, 0)))
    with pytest.raises(ValueError, match="0 units"):
        linkage(np.zeros((0, 0)))
    with pytest.raises(ValueError, match="too few samples for a correlation: 1, expected at least 2"):
        linkage_from_samples(np.zeros((1, 5)))
