"""Merges as they are found, in an order of their own, and the linkage matrix they make."""

import numpy as np
import numpy.typing as npt


class Merges:
    """The merges of a dendrogram, from below: a node is merged after its children were made."""

    def __init__(self, units: int) -> None:
        self._units = units
        self._count = 0
        self._children = np.empty((units - 1, 2), dtype=np.intp)
        self._heights = np.empty(units - 1)

    def add(
        self, first: npt.ArrayLike, second: npt.ArrayLike, heights: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.intp]:
        """Merge pairs of nodes, `[pairs]` each, and give the nodes that they become."""
        here = slice(self._count, self._count + len(heights))
        self._children[here, 0] = first
        self._children[here, 1] = second
        self._heights[here] = heights
        self._count += len(heights)
        return np.arange(here.start, here.stop) + self._units

    def linkage(self) -> npt.NDArray[np.float64]:
        """Return scipy's linkage matrix, `[units - 1, 4]`: merges by height, and the lesser node first.

        A height that rounding left below a child's becomes the child's.
        """
        heights, sizes = self._grown()
        order = np.argsort(heights, kind="stable")
        names = np.arange(2 * self._units - 1)
        names[self._units + order] = np.arange(self._units, 2 * self._units - 1)
        children = np.sort(names[self._children[order]], axis=1)
        return np.column_stack([children, heights[order], sizes[order]])

    def _grown(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        heights = [0.0] * self._units + self._heights.tolist()
        sizes = [1.0] * self._units
        for node, (first, second) in enumerate(self._children.tolist(), start=self._units):
            heights[node] = max(heights[node], heights[first], heights[second])
            sizes.append(sizes[first] + sizes[second])
        return np.array(heights[self._units :]), np.array(sizes[self._units :])
