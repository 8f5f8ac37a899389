import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.agglomeration import ClusterTree, cut, linkage_from_samples
from llmri_clustering.agglomeration.excess import standing_out

Forest = list[frozenset[int]]


def random_tree(units: int, seed: int) -> ClusterTree:
    samples = np.random.default_rng(seed).normal(size=(6, units))
    return ClusterTree.from_linkage(linkage_from_samples(samples))


def mass(tree: ClusterTree, node: int, least: int) -> float:
    """How far the distance falls before each unit leaves, unit by unit, down from the merge above."""
    if node < tree.units:
        return 0.0
    born = tree.distances[tree.parent[node]] if node != tree.root else tree.distances[node]
    total, here = 0.0, node
    while True:
        below = tree.children[here - tree.units].tolist()
        groups = [child for child in below if tree.sizes[child] >= least]
        if len(groups) != 1 or groups[0] < tree.units:
            return total + float(tree.sizes[here] * (born - tree.distances[here]))
        stragglers = next(child for child in below if child != groups[0])
        total += float(tree.sizes[stragglers] * (born - tree.distances[here]))
        here = groups[0]


def every_choice(tree: ClusterTree, node: int, least: int, most: int) -> list[list[int]]:
    """All ways to choose disjoint nodes in range at and below a node."""
    below: list[list[int]] = [[]]
    if node >= tree.units:
        one, other = tree.children[node - tree.units].tolist()
        below = [
            left + right
            for left in every_choice(tree, one, least, most)
            for right in every_choice(tree, other, least, most)
        ]
    return [*below, [node]] if least <= tree.sizes[node] <= most else below


@given(st.integers(2, 10), st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 8))
@settings(max_examples=150, deadline=None)
def test_no_other_choice_has_a_greater_mass(units: int, seed: int, least: int, more: int) -> None:
    tree = random_tree(units, seed)
    chosen = standing_out(tree, least, least + more)
    greatest = max(
        sum(mass(tree, node, least) for node in choice)
        for choice in every_choice(tree, tree.root, least, least + more)
    )
    assert sum(mass(tree, node, least) for node in chosen.tolist()) == pytest.approx(greatest)


@given(st.integers(2, 80), st.integers(0, 10_000), st.integers(1, 9), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_chosen_are_disjoint_and_in_range(units: int, seed: int, least: int, more: int) -> None:
    tree = random_tree(units, seed)
    chosen = standing_out(tree, least, least + more).tolist()
    members = [unit for node in chosen for unit in tree.members(node).tolist()]
    assert len(set(members)) == len(members)
    assert all(least <= tree.sizes[node] <= least + more for node in chosen)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", [(4, 64), (8, 32), (12, 100)])
def test_planted_blocks_are_found_though_two_would_fit_the_range(seed: int, sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    block = random.permutation(np.repeat(np.arange(8), 16))
    samples = random.normal(size=(1000, 8))[:, block] + random.normal(size=(1000, 128))
    labels = cut(ClusterTree.from_linkage(linkage_from_samples(samples)), sizes=sizes)
    assert len(set(zip(labels.tolist(), block.tolist(), strict=True))) == 8
