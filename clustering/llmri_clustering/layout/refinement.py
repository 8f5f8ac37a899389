"""Units changing cells within small windows, towards those that stand beside them in the plane."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # it brings no types
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # it brings no types
from scipy.spatial import cKDTree  # type: ignore[import-untyped]  # it brings no types
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]  # it brings no types

Cells = npt.NDArray[np.int32]

NEIGHBOURS = 15
ROUNDS = 4
WINDOW = 8  # cells a side; every other round the windows are half a window further on


def refined(cells: Cells, points: npt.NDArray[np.float64]) -> Cells:
    """Return the cells, `[units, 2]`, exchanged so that units come closer to their neighbours in the plane.

    In each window the units take its occupied cells anew, by the linear assignment with the least squared
    distance to the mean cell of each unit's neighbours, as a self-sorting map does with pairs (Strong, Gong
    2014).

    Args:
        cells: Row and column of each unit, no cell twice.
        points: Its place in the plane, `[units, 2]`.
    """
    if len(cells) <= 2:  # noqa: PLR2004  # two units have nothing to choose between
        return cells
    beside = _mean_of_neighbours(points)
    cells = cells.copy()
    for turn in range(ROUNDS):
        wanted = beside @ cells
        for units in _windows(cells, turn % 2 * (WINDOW // 2)):
            free = cells[units]
            unit, cell = linear_sum_assignment(cdist(wanted[units], free, "sqeuclidean"))
            cells[units[unit]] = free[cell]
    return cells


def _mean_of_neighbours(points: npt.NDArray[np.float64]) -> csr_array:
    """Return the matrix, `[units, units]`, that takes the mean over each unit's neighbours, both ways."""
    units = len(points)
    k = min(NEIGHBOURS, units - 1)
    _, nearest = cKDTree(points).query(points, k=k + 1)
    begin = np.arange(0, units * (k + 1) + 1, k + 1)
    directed = csr_array((np.ones(nearest.size), nearest.ravel(), begin), shape=(units, units))
    both = directed + directed.T
    return csr_array(both.multiply(1 / both.sum(axis=1)[:, None]))


def _windows(cells: Cells, offset: int) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the units of each window in turn."""
    row, column = ((cells + offset) // WINDOW).T
    order = np.lexsort((column, row))
    changes = (np.diff(row[order]) != 0) | (np.diff(column[order]) != 0)
    yield from np.split(order, np.flatnonzero(changes) + 1)
