"""The views with a unit a cell drawn: the grid of a layer, the Hebbian layout."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_look.colours.colour import UNKNOWN, Bytes
from llmri_look.colours.theme import Colour, blend
from llmri_look.edit_effects import EditEffect, effect_of
from llmri_protocol.messages import Edit
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import MARK_FROM, TINT, edit_colour, ink_on, mark
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.palettes import TINT_LEVELS, palette
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.history.under import Place
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box, Camera, Grid
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import Selection
from llmri_viewer.model.unit_selection import UnitSelection
from llmri_viewer.views.lattice import GridView, Ints, Lattice, LatticeView
from llmri_viewer.views.picture import Picture

LINES_FROM = 8  # pixels a cell, below which lines would be all there is
FRAME, EDGE = 3, 2  # pixels around the selection: the window's ground, and the accent in it
GUARD = 6  # pixels that the frame of a protected unit has at least
BETWEEN = 0.55  # of the theme's lines in those between units
OUTLINED_FROM = 4  # pixels a cell, below which an outline would be all there is
FRAME_FROM = 12  # pixels a cell, below which the selection has a thin edge only
OutlinePart = tuple[int, int, int, bool]
Outline = tuple[list[OutlinePart], list[OutlinePart]]  # along rows, along columns


def paint(
    canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw the grid of a layer."""
    view_or_words(canvas, GridView(), state, picture, why)


def view_or_words(
    canvas: Canvas, view: LatticeView, state: ViewState, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw a view, or say why there is nothing to draw."""
    subject = view.subject(state)
    if picture is None or subject is None:
        waiting.say(canvas, view.stage(state) if subject else window_parts.of(state.window.size).view, *why())
        return
    draw(canvas, view, subject, state, picture)


def draw(
    canvas: Canvas, view: LatticeView, subject: UnitSelection, state: ViewState, picture: Picture
) -> None:
    """Draw the units, the tints of the edits that they obeyed, and the selection.

    Edits that stand now, and that nothing shown here is of yet, have an outline alone.
    """
    lattice, stage = view.lattice(state), view.stage(state)
    if lattice is None:
        return
    camera = view.camera(state, lattice.grid)
    edited = _cells(lattice, subject, state.pane.site, state.shown_units)
    levels = cell_levels(lattice, picture.levels, edited if camera.cell < MARK_FROM else {})
    canvas.clip(stage)
    units(canvas, stage, camera, levels, palette(state.look.colour_map, canvas.theme))
    if state.look.grid and camera.cell >= LINES_FROM:
        _lines(canvas, stage, lattice, camera)
    _bounds(canvas, stage, lattice, camera)
    if camera.cell >= MARK_FROM:
        for cell, done in edited.items():
            _edited(canvas, stage, camera.cell_box(lattice.grid, stage, cell), done)
    if camera.cell >= OUTLINED_FROM:
        for cell, done in _cells(lattice, subject, state.pane.site, state.later_units).items():
            _to_come(canvas, stage, camera.cell_box(lattice.grid, stage, cell), done)
    for cell in lattice.cells[_indices(subject, state.protected)].tolist():
        _protected(canvas, camera.cell_box(lattice.grid, stage, cell))
    _selected(canvas, stage, camera, lattice.grid, lattice.cells[_indices(subject, state.selection.units)])
    canvas.clip(None)


def _cells(
    lattice: Lattice, subject: UnitSelection, here: str, units: Mapping[Place, Edit]
) -> dict[int, EditEffect]:
    """Return the cells of edited units, with what is done to each."""
    return {
        int(lattice.cells[index]): effect_of(edit)
        for (site, layer, unit), edit in units.items()
        if site == here and (index := subject.index((layer, unit))) is not None
    }


def _indices(subject: UnitSelection, places: Selection) -> list[int]:
    return [index for place in places if (index := subject.index(place)) is not None]


def units(canvas: Canvas, stage: Box, camera: Camera, levels: Bytes, colours: Sequence[Colour]) -> None:
    """Paint those cells in sight, `[rows, columns]`, each in the colour of its level."""
    x, y = round(camera.x), round(camera.y)
    first_column = max(0, math.floor(-x / camera.cell))
    first_row = max(0, math.floor(-y / camera.cell))
    seen = levels[
        first_row : math.ceil((stage.height - y) / camera.cell),
        first_column : math.ceil((stage.width - x) / camera.cell),
    ]
    place = Box(
        stage.x + x + first_column * camera.cell,
        stage.y + y + first_row * camera.cell,
        seen.shape[1] * camera.cell,
        seen.shape[0] * camera.cell,
    )
    canvas.levels(seen, colours, place)


def cell_levels(lattice: Lattice, levels: Bytes, tints: Mapping[int, EditEffect]) -> Bytes:
    """The level of each cell, `[rows, columns]`, from those of units and from what edits do to cells."""
    grid = lattice.grid
    empty = grid.rows * grid.columns - levels.size
    if lattice.ordered and not empty and not tints:  # the usual case, and a copy of a million takes its time
        cells = levels
    elif lattice.ordered:
        cells = np.pad(levels, (0, empty), constant_values=UNKNOWN)
    else:
        cells = np.append(levels, np.uint8(UNKNOWN))[lattice.units]  # -1 takes the last
    if tints:
        cells[list(tints)] = [TINT_LEVELS[done] for done in tints.values()]
    return cells.reshape(grid.rows, grid.columns)


def _lines(canvas: Canvas, box: Box, lattice: Lattice, camera: Camera) -> None:
    """Draw lines between units, and none where there are no units."""
    grid, ink = lattice.grid, blend(canvas.theme.line, canvas.theme.background, BETWEEN)
    left, top = box.x + round(camera.x), box.y + round(camera.y)
    right, bottom = left + grid.columns * camera.cell, top + grid.rows * camera.cell
    for column in range(1, grid.columns):
        x = left + column * camera.cell
        if box.x <= x < box.right:
            canvas.line((x, max(top, box.y)), (x, min(bottom, box.bottom) - 1), ink)
    for row in range(1, grid.rows):
        y = top + row * camera.cell
        if box.y <= y < box.bottom:
            canvas.line((max(left, box.x), y), (min(right, box.right) - 1, y), ink)
    for cell in empty_cells(lattice).tolist():
        canvas.fill(camera.cell_box(grid, box, cell), canvas.theme.background)


def _bounds(canvas: Canvas, stage: Box, lattice: Lattice, camera: Camera) -> None:
    """Draw a thin line around all units: the middle of a map may be the window's ground."""
    _frame(canvas, stage, camera, bounds(lattice), thick=1, ink=canvas.theme.line)


@lru_cache(maxsize=4)
def empty_cells(lattice: Lattice) -> Ints:
    """Return the cells without a unit, `[cells]`."""
    return np.flatnonzero(lattice.units < 0)


@lru_cache(maxsize=4)
def bounds(lattice: Lattice) -> Outline:
    """Return the edges between cells with a unit and those without."""
    inside = (lattice.units >= 0).reshape(lattice.grid.rows, lattice.grid.columns)
    return _edges(inside), _edges(inside.T)


def _in_sight(stage: Box, cell: Box) -> bool:
    return cell.right > stage.x and cell.bottom > stage.y and cell.x < stage.right and cell.y < stage.bottom


def _to_come(canvas: Canvas, stage: Box, cell: Box, done: EditEffect) -> None:
    """Outline a cell thinly in the colour of what is done to it from now on."""
    if not _in_sight(stage, cell):
        return
    tint = edit_colour(canvas.theme, done)
    canvas.outline(cell, tint, 1)
    if cell.width >= MARK_FROM:
        mark(
            canvas, (cell.x + cell.width // 2, cell.y + cell.height // 2), min(3, cell.width // 4), done, tint
        )


def _edited(canvas: Canvas, stage: Box, cell: Box, done: EditEffect) -> None:
    """Tint a cell, and mark it."""
    if not _in_sight(stage, cell):
        return
    tint = edit_colour(canvas.theme, done)
    canvas.veil(cell, tint, TINT)
    canvas.outline(cell, tint, 2)
    centre = (cell.x + cell.width // 2, cell.y + cell.height // 2)
    mark(canvas, centre, min(6, cell.width // 4), done, ink_on(canvas.colour_at(centre)))


def _protected(canvas: Canvas, cell: Box) -> None:
    """Frame a cell on the window's ground; a small one's frame is larger than the cell, to be seen at all."""
    frame = cell.inset(-max(0, (GUARD - cell.width + 1) // 2))
    canvas.outline(frame.inset(-EDGE), canvas.theme.background, EDGE)
    canvas.outline(frame, canvas.theme.warning, EDGE if frame.width >= FRAME_FROM else 1)


def _selected(canvas: Canvas, stage: Box, camera: Camera, grid: Grid, cells: Ints) -> None:
    """Frame the selection along its outer edges, twice, so that it stands out on any colour."""
    if not cells.size:
        return
    edges = _around(grid, tuple(cells.tolist()))
    small = ((1, canvas.theme.accent),)
    large = ((FRAME, canvas.theme.background), (EDGE, canvas.theme.accent))
    for thick, ink in large if camera.cell >= FRAME_FROM else small:
        _frame(canvas, stage, camera, edges, thick=thick, ink=ink)


@lru_cache(maxsize=4)
def _around(grid: Grid, cells: tuple[int, ...]) -> Outline:
    """Return the outer edges of some cells."""
    inside = np.zeros((grid.rows, grid.columns), np.bool_)
    inside.ravel()[list(cells)] = True
    return _edges(inside), _edges(inside.T)


def _frame(canvas: Canvas, stage: Box, camera: Camera, edges: Outline, *, thick: int, ink: Colour) -> None:
    """Draw the edges of a shape of cells, outside it."""
    left, top, cell = stage.x + round(camera.x), stage.y + round(camera.y), camera.cell
    for line, first, last, before in edges[0]:
        y = top + line * cell - (thick if before else 0)
        canvas.fill(Box(left + first * cell - thick, y, (last - first) * cell + 2 * thick, thick), ink)
    for line, first, last, before in edges[1]:
        x = left + line * cell - (thick if before else 0)
        canvas.fill(Box(x, top + first * cell - thick, thick, (last - first) * cell + 2 * thick), ink)


def _edges(inside: npt.NDArray[np.bool_]) -> list[OutlinePart]:
    """Return the edges along the rows of a shape, joined where they meet.

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


PAINTERS = {"grid": paint}
