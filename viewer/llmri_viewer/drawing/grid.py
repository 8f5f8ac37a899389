"""The grid view: one layer, a unit a cell."""

import math

import numpy as np

from llmri_viewer import colour
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box, Camera, Grid, fitting, grid_of
from llmri_viewer.picture import Picture
from llmri_viewer.state import ViewState
from llmri_viewer.theme import LARGE, Colour, luminance

LINES_FROM = 8  # pixels a cell, below which lines would be all there is
MARK_FROM = 9
TINT = 0.4
DARK, LIGHT = (0, 0, 0), (255, 255, 255)
LIGHT_FROM = 0.18  # relative luminance from which black is the better ink (WCAG 2 contrast)


def draw(canvas: Canvas, box: Box, state: ViewState, picture: Picture) -> None:
    """Draw the units, the tints of the standing edits, and the selection."""
    grid = grid_of(picture.values.size)
    camera = state.camera or fitting(grid, box)
    canvas.clip(box)
    _units(canvas, box, camera, state, picture)
    if state.grid and camera.cell >= LINES_FROM:
        _lines(canvas, box, grid, camera)
    for unit, factor in state.standing.of(state.site, state.layer).items():
        _edited(canvas, camera.cell_box(grid, box, unit), factor)
    for unit in state.selected_here:
        _selected(canvas, camera.cell_box(grid, box, unit))
    canvas.clip(None)


def draw_words(canvas: Canvas, box: Box, headline: str, sentence: str) -> None:
    """Say in the middle of the view why there is no picture."""
    middle = box.y + box.height // 2
    theme = canvas.theme
    canvas.text(
        Box(box.x, middle - 3 * UNIT, box.width, 3 * UNIT), headline, size=LARGE, face="bold", align="centre"
    )
    canvas.text(Box(box.x, middle, box.width, 3 * UNIT), sentence, colour=theme.dim, align="centre")


def _units(canvas: Canvas, box: Box, camera: Camera, state: ViewState, picture: Picture) -> None:
    """Paint only the cells in sight, and stretch them."""
    grid = grid_of(picture.values.size)
    x, y = round(camera.x), round(camera.y)
    first_column = max(0, math.floor(-x / camera.cell))
    first_row = max(0, math.floor(-y / camera.cell))
    last_column = min(grid.columns, math.ceil((box.width - x) / camera.cell))
    last_row = min(grid.rows, math.ceil((box.height - y) / camera.cell))
    if last_column <= first_column or last_row <= first_row:
        return
    theme = canvas.theme
    colours = np.empty((grid.rows * grid.columns, 3), np.uint8)
    colours[: grid.width] = colour.paint(
        picture.values, picture.scale, colour.table(state.colour_map, theme.name)
    )
    colours[grid.width :] = theme.background
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


def edit_colour(canvas: Canvas, factor: float) -> Colour:
    """Give the tint of a multiplier: boosted, lessened, or neither."""
    theme = canvas.theme
    if factor == 1:
        return theme.dim
    return theme.boosted if factor > 1 else theme.ablated


def mark(canvas: Canvas, at: tuple[int, int], radius: int, factor: float, ink: Colour) -> None:
    """Draw a plus for more, a cross for ablated, a minus for less, so that shape tells it too."""
    x, y = at
    if factor == 0:
        canvas.line((x - radius, y - radius), (x + radius, y + radius), ink, 2)
        canvas.line((x - radius, y + radius), (x + radius, y - radius), ink, 2)
        return
    canvas.line((x - radius, y), (x + radius, y), ink, 2)
    if factor > 1:
        canvas.line((x, y - radius), (x, y + radius), ink, 2)


def _edited(canvas: Canvas, cell: Box, factor: float) -> None:
    tint = edit_colour(canvas, factor)
    if cell.width < MARK_FROM:
        canvas.fill(cell, tint)
        return
    canvas.veil(cell, tint, TINT)
    canvas.outline(cell, tint, 2)
    radius = min(6, cell.width // 4)
    centre = (cell.x + cell.width // 2, cell.y + cell.height // 2)
    ground = canvas.colour_at(centre)
    mark(canvas, centre, radius, factor, DARK if luminance(ground) > LIGHT_FROM else LIGHT)


def _selected(canvas: Canvas, cell: Box) -> None:
    """Frame a unit twice, so that it stands out on any colour."""
    grown = Box(cell.x - 3, cell.y - 3, cell.width + 6, cell.height + 6)
    canvas.outline(grown, canvas.theme.background, 3, 3)
    canvas.outline(Box(cell.x - 2, cell.y - 2, cell.width + 4, cell.height + 4), canvas.theme.accent, 2, 2)
