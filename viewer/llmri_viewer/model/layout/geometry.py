"""Where things are: boxes, the grid of a layer's units, and the camera that looks at it."""

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

LONGEST_ASPECT = 2.05
CELL_MIN, CELL_MAX = 1, 96


class Box(NamedTuple):
    """A rectangle in pixels; `x`, `y` is its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies inside."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def inset(self, horizontal: int, vertical: int | None = None) -> "Box":
        """Return the box with a margin taken off every side, never of negative size."""
        high = horizontal if vertical is None else vertical
        return Box(
            self.x + horizontal,
            self.y + high,
            max(0, self.width - 2 * horizontal),
            max(0, self.height - 2 * high),
        )

    def row(self, top: int, height: int) -> "Box":
        """Return a full-width row, `top` pixels below the upper edge."""
        return Box(self.x, self.y + top, self.width, height)


@dataclass(frozen=True)
class Grid:
    """How `width` units are laid out, row by row."""

    width: int
    columns: int
    rows: int

    def unit(self, column: int, row: int) -> int | None:
        """Return the unit in a cell, None where there is none."""
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return None
        number = row * self.columns + column
        return number if number < self.width else None

    def cell(self, unit: int) -> tuple[int, int]:
        """Return the column and row of a unit."""
        return unit % self.columns, unit // self.columns


@cache
def grid_of(width: int) -> Grid:
    """Lay `width` units out near-square and no taller than wide.

    Without empty cells where a divisor allows it at an aspect of about two at most.
    """
    for rows in range(math.isqrt(width), 0, -1):
        if width % rows == 0 and width // rows <= rows * LONGEST_ASPECT:
            return Grid(width, width // rows, rows)
    columns = math.isqrt(max(width - 1, 0)) + 1
    return Grid(width, columns, -(-width // columns))


@dataclass(frozen=True)
class Camera:
    """What part of a grid is seen: `cell` pixels a unit, the grid's corner at `x`, `y` in the view.

    `cell` is whole, so that every unit is equally large and edges stay sharp.
    """

    cell: int
    x: float
    y: float

    def zoomed(self, steps: int, at_x: float, at_y: float) -> "Camera":
        """Zoom in by so many steps (out when negative), keeping the point `at` where it is."""
        cell = self.cell
        for _ in range(abs(steps)):
            cell = max(cell + 1, round(cell * 1.25)) if steps > 0 else min(cell - 1, round(cell / 1.25))
            cell = min(CELL_MAX, max(CELL_MIN, cell))
        ratio = cell / self.cell
        return Camera(cell, at_x - (at_x - self.x) * ratio, at_y - (at_y - self.y) * ratio)

    def panned(self, dx: float, dy: float) -> "Camera":
        """Move the picture by so many pixels."""
        return Camera(self.cell, self.x + dx, self.y + dy)

    def kept_in_sight(self, grid: Grid, box: Box) -> "Camera":
        """Bring a quarter of the view's size of picture back, where panning lost it."""
        x = _between(self.x, box.width / 4 - grid.columns * self.cell, box.width * 3 / 4)
        y = _between(self.y, box.height / 4 - grid.rows * self.cell, box.height * 3 / 4)
        return Camera(self.cell, x, y)

    def unit_at(self, grid: Grid, box: Box, x: float, y: float) -> int | None:
        """Return the unit at a point of the window, None where there is none."""
        if not box.holds(x, y):
            return None
        column = math.floor((x - box.x - round(self.x)) / self.cell)
        row = math.floor((y - box.y - round(self.y)) / self.cell)
        return grid.unit(column, row)

    def cell_box(self, grid: Grid, box: Box, unit: int) -> Box:
        """Return the pixels of a unit in the window; they may lie outside the view."""
        column, row = grid.cell(unit)
        return Box(
            box.x + round(self.x) + column * self.cell,
            box.y + round(self.y) + row * self.cell,
            self.cell,
            self.cell,
        )


def fitting(grid: Grid, box: Box) -> Camera:
    """Return the camera that shows the whole grid as large as fits, in the middle of the view."""
    across = box.width // max(1, grid.columns)
    down = box.height // max(1, grid.rows)
    cell = max(CELL_MIN, min(across, down, CELL_MAX))
    return Camera(cell, (box.width - cell * grid.columns) // 2, (box.height - cell * grid.rows) // 2)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, min(low, high)), max(low, high))
