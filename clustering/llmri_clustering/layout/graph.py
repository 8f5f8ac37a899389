"""The symmetric neighbour graph, in arrays that a sum over each unit's edges runs along."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # it brings no types


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """Edges in both directions, sorted by the unit that they leave; every unit has at least one.

    Attributes:
        first: Where the edges of each unit begin, `[units]`.
        degree: How many it has, `[units]`.
        other: The unit each edge leads to, `[edges]`.
        weight: Its weight, `[edges]`: they sum to 1 a unit on average.
    """

    first: npt.NDArray[np.intp]
    degree: npt.NDArray[np.intp]
    other: npt.NDArray[np.intp]
    weight: npt.NDArray[np.float32]

    @classmethod
    def of_neighbours(cls, neighbours: npt.NDArray[np.intp]) -> Self:
        """Join each unit and its neighbours, `[units, k]`; mutual neighbours are joined twice as firmly.

        Equal weights do as well here as the calibrated ones of t-SNE and UMAP (Boehm, Berens, Kobak 2022).
        """
        units, k = neighbours.shape
        begin = np.arange(0, units * k + 1, k)
        weight = np.full(units * k, 0.5 / k, dtype=np.float32)
        directed = csr_array((weight, neighbours.ravel(), begin), shape=(units, units))
        both = csr_array(directed + directed.T)
        both.sort_indices()
        return cls(
            both.indptr[:-1].astype(np.intp),
            np.diff(both.indptr).astype(np.intp),
            both.indices.astype(np.intp),
            both.data,
        )

    def total(self, of_edges: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
        """Sum over the edges of each unit, `[units]`."""
        summed: npt.NDArray[np.complex64] = np.add.reduceat(of_edges, self.first)
        return summed

    def smoothed(self, places: npt.NDArray[np.complex64], steps: int) -> npt.NDArray[np.complex64]:
        """Move every unit half of the way to the weighted mean of its neighbours, so many times."""
        share = self.weight / np.repeat(np.add.reduceat(self.weight, self.first), self.degree)
        for _ in range(steps):
            places = (places + self.total(share * places.take(self.other))) / np.float32(2)
        return places
