"""A layout as an image: one unit a cell, no cell shared, none lost."""

from collections.abc import Iterator
from math import ceil, isqrt

import numpy as np
import numpy.typing as npt

from llmri_clustering.layout.refinement import refined

Cells = npt.NDArray[np.int32]


def snap(positions: npt.ArrayLike, shape: tuple[int, int] | None = None) -> tuple[Cells, tuple[int, int]]:
    """Return each unit a cell of its own, `[units, 2]` row and column, and the image's rows and columns.

    The image and the units are halved together, again and again: the longer side of the image is cut in two,
    and the units that stand further left (or higher up) go to the first part, as many as it has room for. A
    refinement by linear assignment in small windows follows. Where there are more cells than units, the empty
    ones are spread evenly. Columns go with x, rows with y.

    One linear assignment over all cells keeps as many neighbours, within a tenth, and takes a hundred times
    as long: at 4096 units of three kinds, 0.25, 0.45 and 0.27 of the 15 nearest by correlation against 0.25,
    0.42 and 0.27 here, and 0.24, 0.41 and 0.26 before the refinement.

    Args:
        positions: Places in the plane, `[units, 2]`.
        shape: Rows and columns; by default as near to a square as holds all units.

    Raises:
        ValueError: The positions are not finite points of the plane, or the shape has too few cells.
    """
    points = np.asarray(positions, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:  # noqa: PLR2004  # x and y
        raise ValueError(f"positions have shape {points.shape}, expected [units, 2]")
    if wrong := int(points.size - np.isfinite(points).sum()):
        raise ValueError(f"{wrong} of {points.size} coordinates are not finite, expected 0")
    rows, columns = near_square(len(points)) if shape is None else shape
    if min(rows, columns) < 1 or rows * columns < len(points):
        raise ValueError(f"{rows} x {columns} cells cannot hold {len(points)} units, one a cell")
    cells = np.empty((len(points), 2), dtype=np.int32)
    for units, row, column in _halved(points, rows, columns):
        cells[units] = row, column
    return refined(cells, points), (rows, columns)


def near_square(units: int) -> tuple[int, int]:
    """Return rows and columns with room for so many units, no more rows than columns, at most one apart."""
    columns = max(1, isqrt(max(0, units - 1)) + 1)
    return max(1, ceil(units / columns)), columns


def _halved(
    points: npt.NDArray[np.float64], rows: int, columns: int
) -> Iterator[tuple[npt.NDArray[np.intp], int, int]]:
    """Yield each unit, as an array of one, with its row and column."""
    waiting = [(np.arange(len(points)), 0, 0, rows, columns)]
    while waiting:
        units, row, column, high, wide = waiting.pop()
        if not len(units):
            continue
        if high * wide == 1:
            yield units, row, column
            continue
        across = wide >= high
        ordered = units[np.argsort(points[units, 0 if across else 1], kind="stable")]
        half = (wide if across else high) // 2
        number = _share(len(units), half, wide if across else high, high if across else wide)
        first, second = ordered[:number], ordered[number:]
        if across:
            waiting += [(first, row, column, high, half), (second, row, column + half, high, wide - half)]
        else:
            waiting += [(first, row, column, half, wide), (second, row + half, column, high - half, wide)]


def _share(units: int, half: int, length: int, width: int) -> int:
    """Return how many of the units go to the first `half` of `length` lines of `width` cells."""
    room = (length - half) * width
    even = round(units * half / length)
    return min(max(even, units - room), half * width)
