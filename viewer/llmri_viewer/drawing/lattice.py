"""The views with a unit a cell drawn: the grid of a layer, the Hebbian layout."""

import math

import numpy as np
import numpy.typing as npt

from llmri_viewer import colour
from llmri_viewer.colour import Bytes
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import MARK_FROM, TINT, edit_colour, ink_on, mark
from llmri_viewer.effects import Effect, effect
from llmri_viewer.geometry import Box, Camera, Grid
from llmri_viewer.picture import Picture
from llmri_viewer.state import ViewState
from llmri_viewer.subject import Subject
from llmri_viewer.theme import Theme
from llmri_viewer.views.lattice import Ints, Lattice, LatticeView

LINES_FROM = 8  # pixels a cell, below which lines would be all there is
FRAME, EDGE = 3, 2  # pixels around the selection: the window's ground, and the accent in it
FRAME_FROM = 12  # pixels a cell, below which the selection has a thin edge only


def draw(canvas: Canvas, view: LatticeView, subject: Subject, state: ViewState, picture: Picture) -> None:
    """Draw the units, the tints of the standing edits, and the selection."""
    lattice, stage = view.lattice(state), view.stage(state)
    if lattice is None:
        return
    camera = view.camera(state, lattice.grid)
    edited = {
        int(lattice.cells[index]): effect(edit)
        for (site, layer, unit), edit in state.standing.units.items()
        if site == state.site and (index := subject.index((layer, unit))) is not None
    }
    colours = _colours(canvas.theme, lattice, state, picture)
    if camera.cell < MARK_FROM and edited:
        colours[list(edited)] = [edit_colour(canvas.theme, done) for done in edited.values()]
    canvas.clip(stage)
    _units(canvas, stage, camera, lattice.grid, colours)
    if state.grid and camera.cell >= LINES_FROM:
        _lines(canvas, stage, lattice.grid, camera)
    if camera.cell >= MARK_FROM:
        for cell, done in edited.items():
            _edited(canvas, stage, camera.cell_box(lattice.grid, stage, cell), done)
    indices = [index for place in state.selection if (index := subject.index(place)) is not None]
    _selected(canvas, stage, camera, lattice.grid, lattice.cells[indices])
    canvas.clip(None)


def _colours(theme: Theme, lattice: Lattice, state: ViewState, picture: Picture) -> Bytes:
    """Give the colour of each cell, `[cells, 3]`; without a known value it is the window's."""
    colours = np.empty((lattice.units.size, 3), np.uint8)
    colours[:] = theme.background
    known = np.isfinite(picture.values)
    table = colour.table(state.colour_map, theme.name)
    colours[lattice.cells[known]] = colour.paint(picture.values[known], picture.scale, table)
    return colours


def _units(canvas: Canvas, box: Box, camera: Camera, grid: Grid, colours: Bytes) -> None:
    """Paint only the cells in sight, and stretch them."""
    x, y = round(camera.x), round(camera.y)
    first_column = max(0, math.floor(-x / camera.cell))
    first_row = max(0, math.floor(-y / camera.cell))
    last_column = min(grid.columns, math.ceil((box.width - x) / camera.cell))
    last_row = min(grid.rows, math.ceil((box.height - y) / camera.cell))
    if last_column <= first_column or last_row <= first_row:
        return
    seen = colours.reshape(grid.rows, grid.columns, 3)[first_row:last_row, first_column:last_column]
    place = Box(
        box.x + x + first_column * camera.cell,
        box.y + y + first_row * camera.cell,
        (last_column - first_column) * camera.cell,
        (last_row - first_row) * camera.cell,
    )
    canvas.picture(seen, place)


def _lines(canvas: Canvas, box: Box, grid: Grid, camera: Camera) -> None:
    ink = canvas.theme.background
    left, top = box.x + round(camera.x), box.y + round(camera.y)
    right, bottom = left + grid.columns * camera.cell, top + grid.rows * camera.cell
    for column in range(grid.columns + 1):
        x = left + column * camera.cell
        if box.x <= x < box.right:
            canvas.line((x, max(top, box.y)), (x, min(bottom, box.bottom)), ink)
    for row in range(grid.rows + 1):
        y = top + row * camera.cell
        if box.y <= y < box.bottom:
            canvas.line((max(left, box.x), y), (min(right, box.right), y), ink)


def _edited(canvas: Canvas, stage: Box, cell: Box, done: Effect) -> None:
    """Tint a cell, and mark it."""
    if cell.right <= stage.x or cell.bottom <= stage.y or cell.x >= stage.right or cell.y >= stage.bottom:
        return
    tint = edit_colour(canvas.theme, done)
    canvas.veil(cell, tint, TINT)
    canvas.outline(cell, tint, 2)
    centre = (cell.x + cell.width // 2, cell.y + cell.height // 2)
    mark(canvas, centre, min(6, cell.width // 4), done, ink_on(canvas.colour_at(centre)))


def _selected(canvas: Canvas, stage: Box, camera: Camera, grid: Grid, cells: Ints) -> None:
    """Frame the selection along its outer edges, twice, so that it stands out on any colour."""
    if not cells.size:
        return
    inside = np.zeros((grid.rows, grid.columns), np.bool_)
    inside.ravel()[cells] = True
    across, down = _edges(inside), _edges(inside.T)
    left, top, cell = stage.x + round(camera.x), stage.y + round(camera.y), camera.cell
    small = ((1, canvas.theme.accent),)
    large = ((FRAME, canvas.theme.background), (EDGE, canvas.theme.accent))
    for thick, ink in large if cell >= FRAME_FROM else small:
        for line, first, last, before in across:
            y = top + line * cell - (thick if before else 0)
            canvas.fill(Box(left + first * cell - thick, y, (last - first) * cell + 2 * thick, thick), ink)
        for line, first, last, before in down:
            x = left + line * cell - (thick if before else 0)
            canvas.fill(Box(x, top + first * cell - thick, thick, (last - first) * cell + 2 * thick), ink)


def _edges(inside: npt.NDArray[np.bool_]) -> list[tuple[int, int, int, bool]]:
    """Give the edges along the rows of a shape, joined where they meet.

    Each is a line between rows, the columns from and to, and whether the shape begins (or ends) there.
    """
    steps = np.diff(np.pad(inside, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    found = []
    for step, begins in ((1, True), (-1, False)):
        runs = np.diff(np.pad(steps == step, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        lines, firsts = np.nonzero(runs == 1)
        lasts = np.nonzero(runs == -1)[1]
        found += [
            (*edge, begins) for edge in zip(lines.tolist(), firsts.tolist(), lasts.tolist(), strict=True)
        ]
    return found
