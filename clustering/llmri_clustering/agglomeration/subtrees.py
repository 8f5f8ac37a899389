"""Which node of a dendrogram each flat cluster is."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.tree import ClusterTree


def nodes_of_clusters(tree: ClusterTree, labels: npt.NDArray[np.integer]) -> dict[int, int]:
    """Return the node that each cluster is, by the cluster's number.

    Args:
        tree: The dendrogram.
        labels: The cluster of each unit, `[units]`; negative in none.

    Raises:
        ValueError: Not one label a unit, or a cluster that is not all of one node.
    """
    if labels.shape != (tree.units,):
        raise ValueError(f"labels of shape {labels.shape} do not fit the tree, expected ({tree.units},)")
    node_at = dict(
        zip(zip(tree.start.tolist(), tree.sizes.tolist(), strict=True), range(tree.root + 1), strict=True)
    )
    ordered = labels[tree.order]
    found: dict[int, int] = {}
    for number, first, count in zip(*np.unique(ordered, return_index=True, return_counts=True), strict=True):
        if number < 0:
            continue
        node = node_at.get((int(first), int(count)))
        if node is None or (ordered[tree.span(node)] != number).any():
            raise ValueError(f"the {count} units of cluster {number} are not all of one node of the tree")
        found[int(number)] = node
    return found
