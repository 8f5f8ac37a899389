import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy  # type: ignore[import-untyped]

from llmri_clustering.agglomeration import ClusterTree, linkage_from_samples


def dendrogram(units: int, seed: int) -> np.ndarray:
    return linkage_from_samples(np.random.default_rng(seed).normal(size=(20, units)))


@given(units=st.integers(1, 80), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_nodes_are_scipys(units: int, seed: int) -> None:
    linkage = dendrogram(units, seed)
    tree = ClusterTree.from_linkage(linkage)
    assert (tree.units, tree.root) == (units, 2 * units - 2)
    if units == 1:
        assert tree.members(0).tolist() == [0]
        return
    assert tree.order.tolist() == hierarchy.leaves_list(linkage).tolist()
    _, nodes = hierarchy.to_tree(linkage, rd=True)
    for node in nodes:
        assert tree.members(node.id).tolist() == node.pre_order()
        assert tree.sizes[node.id] == node.count
        assert tree.distances[node.id] == node.dist
        if not node.is_leaf():
            assert tree.children[node.id - units].tolist() == [node.left.id, node.right.id]
            assert tree.parent[[node.left.id, node.right.id]].tolist() == [node.id, node.id]
    assert tree.parent[tree.root] == -1


@pytest.mark.parametrize(
    ("row", "column", "value", "sentence"),
    [
        (1, 0, 9, "merge 1 joins 9 and .*, expected nodes from 0 to 4"),
        (1, 0, -1, "merge 1 joins -1 and .*, expected nodes from 0 to 4"),
        (1, 0, 0.5, "merge 1 joins 0.5 and"),
        (1, 1, 0, "node 0 is joined 2 times, expected once"),
        (2, 3, 3, "merge 2 counts 3 units, expected 4"),
        (2, 2, 0.15, "merge 2 is at distance 0.15, expected at least that of the merges it joins, 0.2"),
        (0, 2, -0.1, "merge 0 is at distance -0.1"),
        (0, 2, np.nan, "not finite"),
    ],
)
def test_what_is_no_dendrogram_is_named(row: int, column: int, value: float, sentence: str) -> None:
    linkage = np.array([[0, 1, 0.1, 2], [2, 3, 0.2, 2], [4, 5, 0.3, 4]])
    ClusterTree.from_linkage(linkage)
    linkage[row, column] = value
    with pytest.raises(ValueError, match=sentence):
        ClusterTree.from_linkage(linkage)


@pytest.mark.parametrize("shape", [(3,), (3, 3), (3, 4, 1)])
def test_a_wrong_shape_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \[units - 1, 4\]"):
        ClusterTree.from_linkage(np.zeros(shape))
