import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy  # type: ignore[import-untyped]

from llmri_clustering.agglomeration import ClusterTree, cut, linkage_from_samples, nodes_of_clusters


def dendrogram(units: int, seed: int, *, ties: bool = False) -> np.ndarray:
    linkage = linkage_from_samples(np.random.default_rng(seed).normal(size=(20, units)))
    if ties:
        linkage[:, 2] = np.round(linkage[:, 2], 1)
    return linkage


def named_by_first_unit(labels: np.ndarray) -> list[int]:
    names: dict[int, int] = {}
    return [names.setdefault(label, len(names)) for label in labels.tolist()]


trees = st.builds(dendrogram, st.integers(2, 80), st.integers(0, 1000), ties=st.booleans())


@given(linkage=trees, share=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_by_number_is_scipys_maxclust(linkage: np.ndarray, share: float) -> None:
    number = 1 + int(share * (len(linkage) - 1))
    labels = cut(ClusterTree.from_linkage(linkage), number=number)
    assert labels.dtype == np.int32
    assert labels.tolist() == named_by_first_unit(hierarchy.fcluster(linkage, number, "maxclust"))


@given(linkage=trees, share=st.floats(-0.1, 1.1))
@settings(max_examples=100, deadline=None)
def test_by_distance_is_scipys_distance(linkage: np.ndarray, share: float) -> None:
    distance = share * float(linkage[-1, 2])
    labels = cut(ClusterTree.from_linkage(linkage), distance=distance)
    assert labels.tolist() == named_by_first_unit(hierarchy.fcluster(linkage, distance, "distance"))


def test_a_distance_that_a_merge_has_takes_it_in() -> None:
    tree = ClusterTree.from_linkage(np.array([[0, 1, 0.5, 2], [2, 3, 0.7, 3]]))
    assert cut(tree, distance=0.5).tolist() == [0, 0, 1]
    assert cut(tree, distance=0.7).tolist() == [0, 0, 0]


def test_as_many_as_there_are_units_is_each_for_itself() -> None:
    tree = ClusterTree.from_linkage(dendrogram(9, 0))
    assert cut(tree, number=9).tolist() == list(range(9))
    assert cut(tree, number=100).tolist() == list(range(9))


@given(linkage=trees, least=st.integers(1, 20), more=st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_by_size_every_cluster_is_in_range_and_could_not_be_larger(
    linkage: np.ndarray, least: int, more: int
) -> None:
    tree, most = ClusterTree.from_linkage(linkage), least + more
    labels = cut(tree, sizes=(least, most))
    nodes = nodes_of_clusters(tree, labels)
    assert sorted(nodes) == list(range(len(nodes)))
    assert named_by_first_unit(labels[labels >= 0]) == labels[labels >= 0].tolist()
    assert all(least <= tree.sizes[node] <= most for node in nodes.values())


def test_a_subtree_too_small_is_in_no_cluster() -> None:
    tree = ClusterTree.from_linkage(
        np.array([[1, 2, 0.1, 2], [3, 4, 0.2, 2], [5, 6, 0.3, 4], [0, 7, 0.4, 5]])
    )
    assert cut(tree, sizes=(3, 4)).tolist() == [-1, 0, 0, 0, 0]
    assert cut(tree, sizes=(2, 3)).tolist() == [-1, 0, 0, 1, 1]
    assert cut(tree, sizes=(5, 9)).tolist() == [0] * 5
    assert cut(tree, sizes=(6, 9)).tolist() == [-1] * 5


def test_one_unit_is_one_cluster() -> None:
    tree = ClusterTree.from_linkage(np.empty((0, 4)))
    assert cut(tree, number=1).tolist() == [0]
    assert cut(tree, distance=0.0).tolist() == [0]
    assert cut(tree, sizes=(1, 1)).tolist() == [0]
    assert cut(tree, sizes=(2, 3)).tolist() == [-1]


def test_exactly_one_criterion_is_needed() -> None:
    tree = ClusterTree.from_linkage(dendrogram(5, 0))
    with pytest.raises(ValueError, match="exactly one of number, distance and sizes"):
        cut(tree)
    with pytest.raises(ValueError, match="exactly one of number, distance and sizes"):
        cut(tree, number=2, distance=0.5)


def test_a_criterion_that_nothing_meets_is_named() -> None:
    tree = ClusterTree.from_linkage(dendrogram(5, 0))
    with pytest.raises(ValueError, match="0 clusters is none, expected at least 1"):
        cut(tree, number=0)
    with pytest.raises(ValueError, match="no cluster has 5 to 3 units"):
        cut(tree, sizes=(5, 3))
    with pytest.raises(ValueError, match="no cluster has 0 to 3 units"):
        cut(tree, sizes=(0, 3))
    with pytest.raises(ValueError, match="not a number"):
        cut(tree, distance=float("nan"))
