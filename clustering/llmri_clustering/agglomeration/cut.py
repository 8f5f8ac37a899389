"""Flat clusters from a dendrogram."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.excess import standing_out
from llmri_clustering.agglomeration.tree import ClusterTree


def cut(
    tree: ClusterTree,
    *,
    number: int | None = None,
    distance: float | None = None,
    sizes: tuple[int, int] | None = None,
) -> npt.NDArray[np.int32]:
    """Return the cluster of each unit, `[units]`, by exactly one criterion; -1 in none.

    Clusters are numbered from 0 in the order of their first unit. Each is all of one node of the tree.

    Args:
        tree: What to cut.
        number: At most so many clusters, from a cut at one distance. Merges at the same distance are made
            together or not at all, so that ties can give fewer. As scipy's `fcluster(..., "maxclust")`.
        distance: Clusters whose merges are all at most this far, as scipy's `fcluster(..., "distance")`.
        sizes: The least and the most units of a cluster. Of the nodes in this range, those that stand out
            most (`standing_out`); units in none of them are in no cluster.

    Raises:
        ValueError: Not exactly one criterion, or one that nothing can meet.
    """
    if sum(criterion is not None for criterion in (number, distance, sizes)) != 1:
        raise ValueError("a cut needs exactly one of number, distance and sizes")
    if number is not None:
        return labels_of(tree, _frontier(tree, tree.distances <= _distance_for(tree, number)))
    if distance is not None:
        if np.isnan(distance):
            raise ValueError("the distance of a cut is not a number")
        return labels_of(tree, _frontier(tree, tree.distances <= distance))
    assert sizes is not None  # noqa: S101  # the one that is left
    least, most = sizes
    if not 1 <= least <= most:
        raise ValueError(f"no cluster has {least} to {most} units, expected 1 <= least <= most")
    return labels_of(tree, standing_out(tree, least, most))


def labels_of(tree: ClusterTree, nodes: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
    """The labels of clusters that are nodes of the tree, `[units]`, in the order of their first unit."""
    found = np.full(tree.units, -1, dtype=np.int32)
    for number, node in enumerate(nodes):
        found[tree.members(node)] = number
    inside = found >= 0
    _, first, which = np.unique(found[inside], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    found[inside] = rank[which]
    return found


def _distance_for(tree: ClusterTree, number: int) -> float:
    if number < 1:
        raise ValueError(f"a cut into {number} clusters is none, expected at least 1")
    if number >= tree.units:
        return -np.inf
    return float(np.sort(tree.distances[tree.units :])[tree.units - 1 - number])


def _frontier(tree: ClusterTree, whole: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the highest nodes that stay whole; what is below a whole node is whole, and so is every unit."""
    kept = whole.copy()
    kept[: tree.units] = True
    above = np.append(kept[tree.parent[:-1]], False)
    return np.flatnonzero(kept & ~above)
