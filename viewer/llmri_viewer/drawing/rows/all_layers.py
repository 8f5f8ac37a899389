"""All layers at once, drawn: rows of pixels, ticks over them, and the units' numbers below."""

from functools import lru_cache

import numpy as np

from llmri_look.colours import colour
from llmri_look.colours.colour import Bytes
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.palettes import palette
from llmri_viewer.drawing.rows import bands
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.columns import Columns, columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.all_layers import AllLayersView, Bands
from llmri_viewer.views.picture import Picture
from llmri_viewer.views.values.all_rows import AllRows, all_rows

VIEW = AllLayersView()
LINES_FROM = 8  # pixels a unit


def draw(
    canvas: Canvas, state: ViewState, store: ScanStore, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it."""
    found, seen = all_rows(state, store), VIEW.columns(state)
    if picture is None or found is None or seen is None:
        waiting.say(canvas, window_parts.of(state.window.size).view, *why())
        return
    stage, rows = VIEW.stage(state), VIEW.bands(state)
    canvas.clip(stage.inset(-1))  # the lines around the rows stand beside them
    _rows(canvas, state, found, seen, rows)
    bands.bounds(canvas, rows)
    for layer in range(rows.layers):
        bands.marks(canvas, state, seen, rows, layer)
    bands.protected(canvas, state, seen, rows)
    for layer in sorted(found.blank):
        _blank(canvas, rows.row(layer))
    canvas.clip(None)
    bands.labels(canvas, state, stage, rows)
    bands.axis(canvas, state, rows)


def _rows(canvas: Canvas, state: ViewState, found: AllRows, seen: Columns, rows: Bands) -> None:
    """Draw the rows as finely as the screen can, and free the lanes over them."""
    fine = columns(state.width, state.pane.reach, canvas.scale * rows.box.width)
    canvas.levels(_levels(found, fine), palette(state.look.colour_map, canvas.theme), rows.box)
    if rows.lane:
        for layer in range(rows.layers):
            canvas.fill(rows.lane_of(layer), canvas.theme.background)
    if state.look.grid and seen.pixels_a_unit >= LINES_FROM:
        for x in (np.flatnonzero(np.diff(seen.first)) + 1).tolist():
            left = rows.box.x + x
            canvas.line((left, rows.box.y), (left, rows.box.bottom - 1), canvas.theme.background)


@lru_cache(maxsize=2)
def _levels(found: AllRows, seen: Columns) -> Bytes:
    """Return the level in the colours of each pixel, `[layers, pixels]`."""
    rows = seen.strongest(found.rows)
    if len(set(found.scales)) == 1:
        return colour.levels(rows, found.scales[0])
    return np.stack([colour.levels(row, scale) for row, scale in zip(rows, found.scales, strict=True)])


def _blank(canvas: Canvas, row: Box) -> None:
    """Say that a layer is not in the scan."""
    canvas.fill(row, canvas.theme.panel)
    if row.height >= bands.LABEL:
        canvas.text(row, "not in this scan", colour=canvas.theme.dim, align="centre")


PAINTERS = {"layers": draw}
