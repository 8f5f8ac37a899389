"""Units by cluster: sums over the columns or rows of each cluster."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt


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

    def sums(self, values: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.float64]:
        """Add up the units of each cluster along an axis, in float64."""
        if not len(self):
            shape = list(values.shape)
            shape[axis] = 0
            return np.zeros(shape)
        ordered = np.take(values, self.order, axis=axis)
        sums: npt.NDArray[np.float64] = np.add.reduceat(ordered, self.starts, axis=axis, dtype=np.float64)
        return sums


def sums_by_cluster(
    values: Iterable[tuple[slice, npt.NDArray[np.float32]]], labels: npt.NDArray[np.int32], samples: int
) -> npt.NDArray[np.float64]:
    """Return the sum over the units of each cluster, `[clusters, samples]`, clusters by ascending number.

    Args:
        values: Units and what there is of them, `[samples, those units]`, block after block.
        labels: Cluster of each unit, `[units]`; -1 in none.
        samples: How many there are.
    """
    numbers = np.unique(labels[labels >= 0])
    sums = np.zeros((len(numbers), samples))
    for here, block in values:
        inside = Grouping.of(labels[here])
        if len(inside):
            sums[np.searchsorted(numbers, inside.numbers)] += inside.sums(block.T, axis=0)
    return sums
