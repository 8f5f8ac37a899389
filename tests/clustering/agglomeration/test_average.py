import sys
import tracemalloc
from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy  # type: ignore[import-untyped]
from scipy.spatial.distance import squareform  # type: ignore[import-untyped]

from llmri_clustering.agglomeration import average, candidates, linkage_from_samples
from llmri_clustering.agglomeration.average import average_linkage
from llmri_clustering.agglomeration.chain import merge_by_chain
from llmri_clustering.agglomeration.standardise import standardised


def independent(random: np.random.Generator, units: int) -> np.ndarray:
    return random.normal(size=(64, units))


def in_blocks(random: np.random.Generator, units: int) -> np.ndarray:
    sources = random.normal(size=(64, max(1, units // 12)))
    return sources[:, random.integers(sources.shape[1], size=units)] + random.normal(size=(64, units))


def in_uneven_blocks(random: np.random.Generator, units: int) -> np.ndarray:
    """Units of which some are nearly alike, and others stand alone."""
    noise = random.exponential(size=units) ** 2
    return in_blocks(random, units) + noise * random.normal(size=(64, units))


def alike(random: np.random.Generator, units: int) -> np.ndarray:
    """Units around one source, which a growing cluster takes in one by one."""
    noise = random.uniform(0.2, 5, size=units)
    samples: np.ndarray = random.normal(size=(64, 1)) + noise * random.normal(size=(64, units))
    return samples


def with_constants(random: np.random.Generator, units: int) -> np.ndarray:
    """Constant units, and others that are nearer to each other, so that the order of ties changes nothing."""
    samples: np.ndarray = 2 * random.normal(size=(64, 1)) + in_blocks(random, units)
    samples[:, random.uniform(size=units) < 0.3] = 0.1
    return samples


def with_copies(random: np.random.Generator, units: int) -> np.ndarray:
    """Units of which many are the same but for scale and rounding."""
    samples = in_blocks(random, units)[:, random.integers(max(1, units // 3), size=units)]
    copies: np.ndarray = samples * random.exponential(size=units)
    return copies


STRUCTURES = {
    made.__name__: made
    for made in (independent, in_blocks, in_uneven_blocks, alike, with_constants, with_copies)
}


def distances_of(samples: np.ndarray) -> np.ndarray:
    """All distances in float64, `[units, units]`."""
    r = np.zeros((samples.shape[1],) * 2)
    varied = np.ptp(samples, axis=0) > 0
    r[np.ix_(varied, varied)] = np.corrcoef(samples[:, varied], rowvar=False)
    np.fill_diagonal(r, 1)
    return 1 - r


def expect_scipys(samples: np.ndarray, chain: int) -> None:
    """Expect scipy's cophenetic distances."""
    tree = average_linkage(standardised(samples), chain=chain)
    expected = hierarchy.linkage(squareform(distances_of(samples), checks=False), "average")
    assert hierarchy.is_valid_linkage(tree)
    assert np.abs(hierarchy.cophenet(tree) - hierarchy.cophenet(expected)).max() < 1e-5


def expect_average_linkage(samples: np.ndarray, chain: int) -> None:
    """Expect that each merge is of two clusters that are each other's nearest, at their mean distance.

    Where there are near ties, there are several such trees.
    """
    tree = average_linkage(standardised(samples), chain=chain)
    assert hierarchy.is_valid_linkage(tree)
    far = distances_of(samples)
    np.fill_diagonal(far, np.inf)
    units = len(far)
    place = [*range(units), *[0] * (units - 1)]
    sizes = np.ones(units)
    for node, (left, right, height, _) in enumerate(tree, start=units):
        first, second = place[int(left)], place[int(right)]
        assert abs(far[first, second] - height) < 1e-5
        assert height < min(far[first].min(), far[second].min()) + 1e-5
        merged = np.average(far[[first, second]], axis=0, weights=sizes[[first, second]])
        far[first], far[:, first] = merged, merged
        far[second], far[:, second] = np.inf, np.inf
        far[first, first] = np.inf
        sizes[first] += sizes[second]
        place[node] = first


@given(
    structure=st.sampled_from(sorted(STRUCTURES)),
    units=st.integers(2, 200),
    chain=st.sampled_from([1, 8, 64]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_cophenetic_distances_are_those_of_scipy(structure: str, units: int, chain: int, seed: int) -> None:
    expect_scipys(STRUCTURES[structure](np.random.default_rng(seed), units), chain)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_over_several_blocks_of_similarities_every_merge_is_of_nearest_neighbours(structure: str) -> None:
    expect_average_linkage(STRUCTURES[structure](np.random.default_rng(0), 2600), chain=100)


def along_a_line(random: np.random.Generator, units: int) -> np.ndarray:
    """Units that each resemble the next: many near ties."""
    bumps: np.ndarray = np.exp(-((np.linspace(0, 6, 64)[:, None] - random.uniform(0, 6, size=units)) ** 2))
    return bumps


def sparse(random: np.random.Generator, units: int) -> np.ndarray:
    """Units that fire seldom or never, or at the same single sample as others."""
    return np.maximum(random.normal(size=(64, units)) - random.uniform(0, 4, size=units), 0)


@pytest.mark.parametrize("made", [along_a_line, sparse])
@pytest.mark.parametrize("chain", [1, 100])
def test_among_ties_every_merge_is_of_nearest_neighbours(
    made: Callable[[np.random.Generator, int], np.ndarray], chain: int
) -> None:
    expect_average_linkage(made(np.random.default_rng(5), 700), chain)


def test_the_chain_takes_over_where_rounds_merge_too_little() -> None:
    samples = in_blocks(np.random.default_rng(1), 300)
    with mock.patch.object(average, "merge_reciprocal", side_effect=lambda clusters, *_: clusters) as rounds:
        expect_scipys(samples, chain=10)
    rounds.assert_called_once()


def test_the_chain_takes_over_where_too_many_pairs_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST", 10)
    with mock.patch.object(average, "merge_by_chain", wraps=merge_by_chain) as chain:
        expect_scipys(in_blocks(np.random.default_rng(2), 300), chain=10)
    (clusters, _), _ = chain.call_args
    assert len(clusters.sizes) == 300


@pytest.mark.parametrize("structure", ["independent", "in_blocks", "in_uneven_blocks"])
def test_of_very_many_clusters_no_matrix_is_made_however_many_candidates_there_are(
    structure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MOST", 6)
    for module in (candidates, average):
        monkeypatch.setattr(module, "LARGE", 40)
    with mock.patch.object(average, "merge_by_chain", wraps=merge_by_chain) as chain:
        expect_scipys(STRUCTURES[structure](np.random.default_rng(6), 400), chain=10)
    (clusters, _), _ = chain.call_args
    assert len(clusters.sizes) <= 40


def test_many_units_are_held_in_half_precision_and_linked_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = in_blocks(np.random.default_rng(7), 2600)
    exact = linkage_from_samples(samples)
    for module in (average, sys.modules["llmri_clustering.agglomeration.linkage"]):
        monkeypatch.setattr(module, "SINGLE", 2**16)
    half = linkage_from_samples(samples)
    assert hierarchy.is_valid_linkage(half)
    assert not np.array_equal(half, exact)
    assert np.abs(np.sort(half[:, 2]) - np.sort(exact[:, 2])).max() < 2e-3


def test_constant_units_are_at_distance_1_from_everything() -> None:
    assert average_linkage(standardised(np.ones((5, 4))), chain=1)[:, 2:].tolist() == [[1, 2], [1, 3], [1, 4]]


def test_equal_samples_give_equal_trees() -> None:
    samples = in_uneven_blocks(np.random.default_rng(3), 500)
    one, other = (average_linkage(standardised(samples), chain=20) for _ in range(2))
    assert np.array_equal(one, other)


def test_many_units_are_linked_in_less_memory_than_half_their_distances() -> None:
    units = 6000
    samples = in_blocks(np.random.default_rng(4), units).astype(np.float32)
    linkage_from_samples(samples[:, :2])
    tracemalloc.start()
    tree = linkage_from_samples(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert hierarchy.is_valid_linkage(tree)
    assert peak < 8 * units * (units - 1) / 2 / 2
