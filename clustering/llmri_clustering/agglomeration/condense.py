"""A dendrogram without the merges that only add stragglers: what is left are true splits.

The condensed tree of HDBSCAN (Campello, Moulavi and Sander 2013): a merge counts where both its sides are
groups of their own; otherwise the lesser side's units merely join.
"""

import heapq
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.tree import ClusterTree


@dataclass(frozen=True, eq=False)
class CondensedTree:
    """The splits of a dendrogram.

    Attributes:
        tree: The dendrogram.
        clusters: Nodes that are groups in any case; what is above them splits no further than to them.
        core: The split or cluster that each node is but for stragglers, `[nodes]`; the node itself where it
            has neither below it.
        split: Whether a node splits into two groups, `[nodes]`.
        inside: Whether a node is a cluster or lies within one, `[nodes]`; without clusters every node does.
    """

    tree: ClusterTree
    clusters: frozenset[int]
    core: list[int]
    split: list[bool]
    inside: list[bool]

    @classmethod
    def of(cls, tree: ClusterTree, clusters: Collection[int] | None, least: int) -> Self:
        """Condense a dendrogram.

        Args:
            tree: The dendrogram.
            clusters: Disjoint nodes that are groups in any case, and above which only they count.
            least: The fewest units of a group, where it is inside a cluster, or there are no clusters.
        """
        fixed = frozenset(clusters or ())
        inside = np.ones(len(tree.sizes), dtype=np.bool_) if clusters is None else _inside(tree, fixed)
        groups = np.where(inside, tree.sizes >= least, _units_inside(tree, inside) > 0)
        groups[list(fixed)] = True
        core, split = _cores(tree, fixed, groups)
        return cls(tree, fixed, core, split, inside.tolist())

    def splits(self, node: int, most: int) -> list[int]:
        """Return at most so many splits in a group, in the order of opening it: the highest first."""
        found: list[int] = []
        start = self.core[node]
        waiting = [] if start in self.clusters and start != node else [(0.0, start)]
        while waiting and len(found) < most:
            _, core = heapq.heappop(waiting)
            if self.split[core]:
                found.append(core)
                for child in map(self._seen_from_above, self.tree.children[core - self.tree.units].tolist()):
                    if child not in self.clusters:
                        heapq.heappush(waiting, (-float(self.tree.distances[child]), child))
        return found

    def parts(self, node: int, opened: Collection[int]) -> list[int]:
        """Return the groups in a group once some of its splits are opened, in dendrogram order.

        A part that is a cluster but for stragglers is that cluster.
        """
        found: list[int] = []
        waiting = [node]
        while waiting:
            part = waiting.pop()
            core = self.core[part] if part == node else self._seen_from_above(part)
            if core in opened:
                waiting += self.tree.children[core - self.tree.units].tolist()[::-1]
            elif core in self.clusters:
                found.append(core)
            else:
                found.append(part)
        return [part for part in found if part != node]

    def _seen_from_above(self, node: int) -> int:
        return node if node in self.clusters else self.core[node]


def _inside(tree: ClusterTree, clusters: Collection[int]) -> npt.NDArray[np.bool_]:
    around = np.zeros(tree.units, dtype=np.int32)  # the size of the cluster at each place of the order
    for node in clusters:
        around[tree.span(node)] = tree.sizes[node]
    return tree.sizes <= around[tree.start]


def _units_inside(tree: ClusterTree, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    before = np.concatenate([[0], np.cumsum(inside[tree.order])])
    counts: npt.NDArray[np.intp] = before[tree.start + tree.sizes] - before[tree.start]
    return counts


def _cores(
    tree: ClusterTree, clusters: Collection[int], groups: npt.NDArray[np.bool_]
) -> tuple[list[int], list[bool]]:
    is_group = groups.tolist()
    core = list(range(tree.root + 1))
    split = [False] * len(core)
    for node, children in enumerate(tree.children.tolist(), start=tree.units):
        below = [child for child in children if is_group[child]]
        split[node] = below == children
        if below and not split[node]:
            core[node] = below[0] if below[0] in clusters else core[below[0]]
    return core, split
