import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.agglomeration import (
    ClusterTree,
    cut,
    groups_of_clusters,
    linkage_from_samples,
    nest,
    nodes_of_clusters,
)
from llmri_clustering.nesting import Nesting


def planted(families: int, blocks: int, units: int, seed: int = 0) -> tuple[ClusterTree, np.ndarray]:
    """So many families of so many blocks of so many units, shuffled; and the block of each unit."""
    random = np.random.default_rng(seed)
    block = random.permutation(np.repeat(np.arange(families * blocks), units))
    of_family = random.normal(size=(256, families))[:, block // blocks]
    of_block = random.normal(size=(256, families * blocks))[:, block]
    samples = 0.6 * of_family + 0.9 * of_block + 0.8 * random.normal(size=(256, len(block)))
    return ClusterTree.from_linkage(linkage_from_samples(samples)), block


def independent(units: int, seed: int) -> ClusterTree:
    samples = np.random.default_rng(seed).normal(size=(20, units))
    return ClusterTree.from_linkage(linkage_from_samples(samples))


def levels(nesting: Nesting) -> np.ndarray:
    found = np.zeros(len(nesting.parent), dtype=int)
    for group in range(1, len(found)):
        found[group] = found[nesting.parent[group]] + 1
    return found


def units_of(tree: ClusterTree, nesting: Nesting, level: int) -> set[frozenset[int]]:
    return {frozenset(tree.members(node).tolist()) for node in nesting.node[levels(nesting) == level]}


def sets_of(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels[labels >= 0])}


def expect_consistent(tree: ClusterTree, nesting: Nesting, depth: int) -> None:
    assert nesting.node[0] == tree.root
    assert (nesting.group >= 0).all()
    assert nesting.sizes.tolist() == tree.sizes[nesting.node].tolist()
    assert len(np.unique(nesting.node)) == len(nesting.node)
    assert levels(nesting).max() <= depth
    for group, parent in enumerate(nesting.parent[1:].tolist(), start=1):
        inner, outer = tree.members(int(nesting.node[group])), tree.members(int(nesting.node[parent]))
        assert set(inner.tolist()) < set(outer.tolist())
    for unit, group in enumerate(nesting.group.tolist()):
        assert unit in tree.members(int(nesting.node[group]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("families", "blocks", "units"), [(4, 4, 32), (2, 2, 32), (12, 10, 12), (3, 15, 10)])
def test_two_planted_levels_are_both_found(families: int, blocks: int, units: int, seed: int) -> None:
    tree, block = planted(families, blocks, units, seed)
    nesting = nest(tree)
    assert units_of(tree, nesting, 1) == sets_of(block // blocks)
    assert units_of(tree, nesting, 2) == sets_of(block)


@pytest.mark.parametrize("seed", range(3))
def test_families_are_found_above_clusters(seed: int) -> None:
    tree, block = planted(4, 5, 20, seed)
    labels = cut(tree, number=20)
    assert sets_of(labels) == sets_of(block)
    nesting = nest(tree, labels)
    assert units_of(tree, nesting, 1) == sets_of(block // 5)
    assert units_of(tree, nesting, 2) == sets_of(block)


@pytest.mark.parametrize("seed", range(3))
def test_few_clusters_without_structure_are_opened(seed: int) -> None:
    tree, _ = planted(4, 5, 20, seed)
    nesting = nest(tree, cut(tree, number=20))
    inner = set(nesting.parent[levels(nesting) == 3].tolist())
    assert len(inner) <= 5


@pytest.mark.parametrize("seed", range(3))
def test_a_level_within_clusters_is_found(seed: int) -> None:
    tree, block = planted(4, 5, 20, seed)
    nesting = nest(tree, cut(tree, number=4))
    assert units_of(tree, nesting, 1) == sets_of(block // 5)
    assert units_of(tree, nesting, 2) == sets_of(block)


trees = st.builds(independent, st.integers(1, 120), st.integers(0, 1000))


@given(tree=trees, depth=st.integers(1, 5), least=st.integers(1, 9), most=st.integers(2, 24))
@settings(max_examples=100, deadline=None)
def test_groups_keep_their_limits(tree: ClusterTree, depth: int, least: int, most: int) -> None:
    nesting = nest(tree, depth=depth, least=least, most=most)
    expect_consistent(tree, nesting, depth)
    assert (nesting.sizes[1:] >= least).all()
    children = np.bincount(nesting.parent[1:], minlength=len(nesting.parent))
    assert children.max() <= most
    assert (children != 1).all()


@given(
    tree=trees,
    least=st.integers(1, 12),
    more=st.integers(0, 30),
    depth=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_every_cluster_is_a_group_and_known_by_its_number(
    tree: ClusterTree, least: int, more: int, depth: int, seed: int
) -> None:
    labels = cut(tree, sizes=(least, least + more))
    names = np.random.default_rng(seed).permutation(labels.max() + 1) * 3 + 1  # numbers with holes
    labels = np.where(labels < 0, -1, names[labels] if len(names) else -1)
    nesting = nest(tree, labels, depth=depth)
    expect_consistent(tree, nesting, depth)
    numbers = groups_of_clusters(nesting, tree, labels)
    assert sorted(numbers[numbers >= 0].tolist()) == np.unique(labels[labels >= 0]).tolist()
    for group, number in enumerate(numbers.tolist()):
        if number >= 0:
            members = tree.members(int(nesting.node[group]))
            assert set(members.tolist()) == set(np.flatnonzero(labels == number).tolist())
    for unit, group in enumerate(nesting.group.tolist()):
        around = []
        while group != -1:
            around.append(int(numbers[group]))
            group = int(nesting.parent[group])  # noqa: PLW2901
        assert [number for number in around if number >= 0] == [
            label for label in [labels[unit]] if label >= 0
        ]


def test_stragglers_around_a_single_cluster_are_units_of_the_root() -> None:
    tree = planted(1, 1, 30)[0]
    labels = np.full(30, -1)
    node = int(tree.children[-1].max())
    labels[tree.members(node)] = 7
    nesting = nest(tree, labels)
    assert groups_of_clusters(nesting, tree, labels)[:2].tolist() == [-1, 7]
    assert np.array_equal(nesting.group == 0, labels < 0)


def test_a_cluster_of_everything_is_the_root() -> None:
    tree = independent(20, 0)
    labels = np.zeros(20, dtype=np.int32)
    assert groups_of_clusters(nest(tree, labels), tree, labels)[0] == 0


def test_without_any_cluster_there_is_only_the_root() -> None:
    tree = independent(20, 0)
    assert nest(tree, np.full(20, -1)).parent.tolist() == [-1]


def test_the_same_tree_gives_the_same_groups() -> None:
    ours, theirs = nest(planted(3, 4, 12)[0]), nest(planted(3, 4, 12)[0])
    assert np.array_equal(ours.parent, theirs.parent)
    assert np.array_equal(ours.group, theirs.group)
    assert np.array_equal(ours.node, theirs.node)


def test_labels_that_are_no_nodes_are_named() -> None:
    tree = ClusterTree.from_linkage(np.array([[0, 1, 0.1, 2], [2, 3, 0.2, 2], [4, 5, 0.3, 4]]))
    with pytest.raises(ValueError, match="the 2 units of cluster 5 are not all of one node"):
        nest(tree, np.array([5, -1, 5, -1]))
    with pytest.raises(ValueError, match="the 2 units of cluster 5 are not all of one node"):
        nodes_of_clusters(tree, np.array([5, 6, 6, 5]))
    with pytest.raises(ValueError, match=r"shape \(3,\) do not fit the tree, expected \(4,\)"):
        nest(tree, np.zeros(3, dtype=np.int32))


def test_limits_that_nothing_meets_are_named() -> None:
    tree = independent(5, 0)
    with pytest.raises(ValueError, match="depth is 0, expected at least 1"):
        nest(tree, depth=0)
    with pytest.raises(ValueError, match="least is 0, expected at least 1"):
        nest(tree, least=0)
    with pytest.raises(ValueError, match="most is 1, expected at least 2"):
        nest(tree, most=1)
