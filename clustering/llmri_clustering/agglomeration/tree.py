"""A dendrogram as a value: who is joined with whom, and at what distance."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

COLUMNS = 4  # of a linkage matrix: two nodes, their distance, the units of both


@dataclass(frozen=True, eq=False)
class ClusterTree:
    """The nodes of a dendrogram, numbered as scipy does: first the units, then the merges in order.

    Attributes:
        children: The two nodes that each merge joins, `[units - 1, 2]`.
        parent: The merge that takes each node up, `[nodes]`; -1 for the root, which is the last node.
        distances: Distance of each merge, `[nodes]`; 0 for a unit.
        sizes: How many units each node holds, `[nodes]`.
        order: The units in dendrogram order, `[units]`, as scipy's `leaves_list`.
        start: Where each node's units begin in `order`, `[nodes]`; they stand side by side.
    """

    children: npt.NDArray[np.int32]
    parent: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.int32]
    order: npt.NDArray[np.int32]
    start: npt.NDArray[np.int32]

    @classmethod
    def from_linkage(cls, linkage: npt.NDArray[np.float64]) -> Self:
        """Read a linkage matrix, `[units - 1, 4]`; one without rows is the tree of a single unit.

        Raises:
            ValueError: It is no dendrogram, or a merge is nearer than one of those that it joins.
        """
        children = _children_of(linkage)
        units = len(linkage) + 1
        merges = np.arange(units, 2 * units - 1, dtype=np.int32)
        parent = np.full(2 * units - 1, -1, dtype=np.int32)
        parent[children] = merges[:, None]
        distances = np.concatenate([np.zeros(units), linkage[:, 2]])
        sizes = np.concatenate([np.ones(units), linkage[:, 3]])
        _check(linkage, children, distances, sizes)
        start = _starts(children, sizes.astype(int).tolist())
        order = np.argsort(start[:units]).astype(np.int32)
        return cls(children, parent, distances, sizes.astype(np.int32), order, start)

    @property
    def units(self) -> int:
        """How many units there are; they are the first nodes."""
        return len(self.order)

    @property
    def root(self) -> int:
        """The node that holds everything."""
        return len(self.parent) - 1

    def span(self, node: int) -> slice:
        """Return where in `order` the units of a node stand."""
        return slice(int(self.start[node]), int(self.start[node] + self.sizes[node]))

    def members(self, node: int) -> npt.NDArray[np.int32]:
        """Return the units of a node in dendrogram order."""
        return self.order[self.span(node)]


def _children_of(linkage: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    if linkage.shape != (len(linkage), COLUMNS):
        raise ValueError(f"a linkage has shape {linkage.shape}, expected [units - 1, 4]")
    if not np.isfinite(linkage).all():
        raise ValueError("a linkage holds a value that is not finite, expected numbers only")
    children = linkage[:, :2].astype(np.int32)
    nodes = np.arange(len(linkage) + 1, 2 * len(linkage) + 1)
    wrong = (children != linkage[:, :2]) | (children < 0) | (children >= nodes[:, None])
    if wrong.any():
        row = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise ValueError(
            f"merge {row} joins {linkage[row, 0]:g} and {linkage[row, 1]:g}, "
            f"expected nodes from 0 to {nodes[row] - 1}"
        )
    used, times = np.unique(children, return_counts=True)
    if (times > 1).any():
        again = int(np.argmax(times > 1))
        raise ValueError(f"node {used[again]} is joined {times[again]} times, expected once")
    return children


def _check(
    linkage: npt.NDArray[np.float64],
    children: npt.NDArray[np.int32],
    distances: npt.NDArray[np.float64],
    sizes: npt.NDArray[np.float64],
) -> None:
    expected = sizes[children].sum(axis=1)
    if (expected != linkage[:, 3]).any():
        row = int(np.argmax(expected != linkage[:, 3]))
        raise ValueError(f"merge {row} counts {linkage[row, 3]:g} units, expected {expected[row]:g}")
    below = distances[children].max(axis=1, initial=0)
    if (below > linkage[:, 2]).any():
        row = int(np.argmax(below > linkage[:, 2]))
        raise ValueError(
            f"merge {row} is at distance {linkage[row, 2]:g}, "
            f"expected at least that of the merges it joins, {below[row]:g}"
        )


def _starts(children: npt.NDArray[np.int32], sizes: list[int]) -> npt.NDArray[np.int32]:
    """Return where each node's units begin, the first child's before the second's."""
    units = len(children) + 1
    start = [0] * len(sizes)
    for node, (first, second) in zip(
        range(2 * units - 2, units - 1, -1), reversed(children.tolist()), strict=True
    ):
        start[first] = start[node]
        start[second] = start[node] + sizes[first]
    return np.array(start, dtype=np.int32)
