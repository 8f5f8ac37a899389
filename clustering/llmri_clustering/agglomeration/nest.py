"""Nested groups from a dendrogram, for circles within circles."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.condense import CondensedTree
from llmri_clustering.agglomeration.gaps import openings
from llmri_clustering.agglomeration.subtrees import nodes_of_clusters
from llmri_clustering.agglomeration.tree import ClusterTree
from llmri_clustering.nesting import Nesting

DEPTH = 4
LEAST = 4
MOST = 24


def nest(
    tree: ClusterTree,
    labels: npt.NDArray[np.integer] | None = None,
    *,
    depth: int = DEPTH,
    least: int = LEAST,
    most: int = MOST,
) -> Nesting:
    """Return groups within groups, as many in each as the gaps between merge distances say.

    Each group opens its dendrogram from the highest merge down, until the next merge is much nearer
    (`openings`). Without a gap that is clearly no chance, a group below the root stays closed. A part with
    fewer than `least` units is no group: its units belong to the group around it.

    With labels, every cluster is a group of its own, whatever its size and however many there are. Groups
    above clusters come from the merges among clusters; where no gap among them is clearly no chance, and on
    the last level, all clusters of a group are opened at once. Units in no cluster belong to the innermost
    group above that holds them.

    Args:
        tree: The dendrogram.
        labels: The cluster of each unit, `[units]`, each all of one node of the tree; negative in none.
        depth: The most levels below the root.
        least: The fewest units of a group that is no cluster.
        most: The most groups in one, apart from clusters on the last level.

    Raises:
        ValueError: A limit that nothing can meet, or labels that do not fit the tree.
    """
    for name, value, bound in (("depth", depth, 1), ("least", least, 1), ("most", most, 2)):
        if value < bound:
            raise ValueError(f"{name} is {value}, expected at least {bound}")
    clusters = None if labels is None else frozenset(nodes_of_clusters(tree, labels).values())
    condensed = CondensedTree.of(tree, clusters, least)
    nodes, parents, levels = [tree.root], [-1], [0]
    for group, node in enumerate(nodes):  # they grow meanwhile
        if levels[group] < depth:
            last = levels[group] == depth - 1 and not condensed.inside[node]
            parts = _every_cluster(condensed, node) if last else _parts(condensed, node, most)
            nodes += parts
            parents += [group] * len(parts)
            levels += [levels[group] + 1] * len(parts)
    return _nesting(tree, nodes, parents)


def groups_of_clusters(
    nesting: Nesting, tree: ClusterTree, labels: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Return the number of the cluster that each group is, `[groups]`; -1 where it is none.

    Args:
        nesting: What `nest` made of the same tree and labels.
        tree: The dendrogram.
        labels: The cluster of each unit, `[units]`; negative in none.

    Raises:
        ValueError: Labels that do not fit the tree.
    """
    number = {node: cluster for cluster, node in nodes_of_clusters(tree, labels).items()}
    return np.array([number.get(node, -1) for node in nesting.node.tolist()], dtype=np.int32)


def _every_cluster(condensed: CondensedTree, node: int) -> list[int]:
    return condensed.parts(node, frozenset(condensed.splits(node, condensed.tree.units)))


def _parts(condensed: CondensedTree, node: int, most: int) -> list[int]:
    """Return the groups in a group, at most so many, as far as the gaps say."""
    distances = condensed.tree.distances
    splits = condensed.splits(node, most)
    if not splits:
        return condensed.parts(node, splits)
    heights = distances[splits].tolist()
    if len(splits) < most:  # all can be opened, and then come the merges within the parts
        heights.append(float(distances[condensed.parts(node, splits)].max()))
    above_clusters = not condensed.inside[node]
    opened = openings(heights, reluctant=above_clusters or node != condensed.tree.root)
    if above_clusters and not opened:
        return _every_cluster(condensed, node)
    return condensed.parts(node, frozenset(splits[:opened]))


def _nesting(tree: ClusterTree, nodes: list[int], parents: list[int]) -> Nesting:
    group = np.zeros(tree.units, dtype=np.int32)
    for number, node in enumerate(nodes):  # an inner group comes later and takes its units over
        group[tree.members(node)] = number
    return Nesting(np.array(parents, dtype=np.int32), group, np.array(nodes, dtype=np.int32))
