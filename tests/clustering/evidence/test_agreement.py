from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.evidence import cluster_agreement

Labels = npt.NDArray[np.int32]

partitions = st.integers(2, 14).flatmap(
    lambda units: st.tuples(*[st.lists(st.integers(-1, 4), min_size=units, max_size=units)] * 2)
)


def joined(labels: Labels, one: int, other: int) -> bool:
    return bool(labels[one] == labels[other] >= 0)


def pair_by_pair(labels: Labels, others: Labels, number: int) -> float:
    """Chance-corrected agreement over the pairs that touch a cluster; those that leave it count half."""
    here = there = both = touching = 0.0
    for one, other in combinations(range(len(labels)), 2):
        weight = 0.5 * (int(labels[one] == number) + int(labels[other] == number))
        touching += weight
        here += weight * joined(labels, one, other)
        there += weight * joined(others, one, other)
        both += weight * (joined(labels, one, other) and joined(others, one, other))
    if (labels == number).sum() == 1:
        return 0.0
    chance = here * there / touching
    most = (here + there) / 2 - chance
    return (both - chance) / most if most > 0 else 1.0


@settings(max_examples=300, deadline=None)
@given(partitions)
def test_it_is_what_its_definition_counts_pair_by_pair(two: tuple[list[int], list[int]]) -> None:
    labels, others = (np.array(part, dtype=np.int32) for part in two)
    numbers = sorted(set(labels.tolist()) - {-1})
    expected = [pair_by_pair(labels, others, number) for number in numbers]
    assert cluster_agreement(labels, others) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 10**6))
def test_over_equal_clusters_it_averages_to_the_adjusted_rand_index(
    clusters: int, size: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(clusters), size).astype(np.int32)
    others = rng.integers(0, clusters, size=len(labels)).astype(np.int32)
    joined_there = np.array([(others == label).sum() - 1 for label in others]).reshape(clusters, size)
    joined_here, touching = size * (size - 1) / 2, size * (len(labels) - 1) / 2
    there = joined_there.sum(axis=1) / 2
    # Each index weighs as much as it could differ from chance.
    weights = (joined_here + there) / 2 - joined_here * there / touching
    whole = np.average(cluster_agreement(labels, others), weights=weights)
    assert whole == pytest.approx(adjusted_rand_score(labels, others), abs=1e-9)


def test_a_cluster_found_again_scores_1_whatever_happens_to_the_others() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2, -1], dtype=np.int32)
    others = np.array([5, 5, 5, 1, 2, 3, 1, 2, 3], dtype=np.int32)
    index = cluster_agreement(labels, others)
    assert index[0] == 1
    assert (index[1:] < 0.2).all()


def test_a_cluster_swallowed_by_a_larger_one_scores_less_than_1() -> None:
    labels = np.repeat([0, 1, 2], 5).astype(np.int32)
    swallowed = np.repeat([0, 0, 1], 5).astype(np.int32)
    index = cluster_agreement(labels, swallowed)
    assert 0 < index[0] < 0.7
    assert index[2] == 1


def test_chance_scores_0_on_average() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(-1, 4), [20, 5, 10, 30, 35]).astype(np.int32)
    drawn = np.mean([cluster_agreement(labels, rng.permutation(labels)) for _ in range(400)], axis=0)
    np.testing.assert_allclose(drawn, 0, atol=0.01)


def test_a_unit_in_no_cluster_is_joined_with_none() -> None:
    labels = np.array([0, 0, 0, 1, 1], dtype=np.int32)
    assert cluster_agreement(labels, np.full(5, -1, dtype=np.int32)).tolist() == [0, 0]


def test_partitions_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2"):
        cluster_agreement(np.zeros(3, np.int32), np.zeros(2, np.int32))
