"""Groups within groups: what circle packing draws."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Nesting:
    """Groups nested to any depth, and the innermost group of every unit.

    Group 0 is the root and holds everything. A group may hold groups, units, or both.

    Attributes:
        parent: The group around each group, `[groups]`; -1 for the root. A parent has the lower number.
        group: Innermost group of each unit, `[units]`; -1 for a unit that stands in none.
        node: The dendrogram's node that each group is, `[groups]`; -1 where there is none.
    """

    parent: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]
    node: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        if not len(self.parent) or self.parent[0] != -1:
            raise ValueError("group 0 must be the root, with parent -1")
        later = np.flatnonzero(self.parent[1:] >= np.arange(1, len(self.parent)))
        if len(later) or (self.parent[1:] < 0).any():
            raise ValueError("every group but the root needs a parent with a lower number")

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Count the units in each group and in the groups it holds, `[groups]`."""
        sizes = np.bincount(self.group[self.group >= 0], minlength=len(self.parent)).astype(np.int64)
        for group in range(len(self.parent) - 1, 0, -1):
            sizes[self.parent[group]] += sizes[group]
        return sizes
