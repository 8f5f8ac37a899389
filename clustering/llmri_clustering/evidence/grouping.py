"""Units by cluster: sums over the columns or rows of each cluster."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # it brings no types


@dataclass(frozen=True, eq=False)
class Grouping:
    """The units of every cluster, one cluster after another.

    Attributes:
        numbers: The clusters' numbers, ascending, `[clusters]`.
        order: Units that are in a cluster, by cluster, `[labelled]`.
        starts: Where each cluster starts in `order`, `[clusters]`.
        sizes: Units in each, `[clusters]`.
    """

    numbers: npt.NDArray[np.int32]
    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    sizes: npt.NDArray[np.intp]

    @classmethod
    def of(cls, labels: npt.NDArray[np.int32]) -> Self:
        """Group units by label `[units]`; -1 is no cluster."""
        order = np.argsort(labels, kind="stable")
        order = order[labels[order] >= 0]
        numbers, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
        return cls(numbers, order, starts, sizes)

    def __len__(self) -> int:
        return len(self.numbers)

    def members(self, units: slice) -> csr_array:
        """Return which cluster some units are in, a matrix of 0 and 1, `[those units, clusters]`."""
        cluster = np.repeat(np.arange(len(self)), self.sizes)
        inside = (self.order >= units.start) & (self.order < units.stop)
        unit = self.order[inside] - units.start
        shape = units.stop - units.start, len(self)
        return csr_array((np.ones(len(unit)), (unit, cluster[inside])), shape=shape)

    def sums(self, values: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.float64]:
        """Add up the units of each cluster along an axis, in float64."""
        if not len(self):
            shape = list(values.shape)
            shape[axis] = 0
            return np.zeros(shape)
        ordered = np.take(values, self.order, axis=axis)
        sums: npt.NDArray[np.float64] = np.add.reduceat(ordered, self.starts, axis=axis, dtype=np.float64)
        return sums
