"""Bars beside a raster of layers: how strong each layer is in all."""

import numpy as np

from llmri_look import words
from llmri_look.colours.theme import blend
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.views.all_layers import Bands
from llmri_viewer.views.values.influence_map import InfluenceMap

NUMBER = 6 * UNIT
HEIGHT_MOST = 10
LABEL = 2 * UNIT


def draw(canvas: Canvas, box: Box, bands: Bands, found: InfluenceMap) -> None:
    """Draw the norm of each layer as a bar with its number, as many as there is room for."""
    theme = canvas.theme
    known = found.norms[np.isfinite(found.norms)]
    room = max(0, box.width - NUMBER - UNIT // 2)
    every = -(-LABEL // bands.pitch)
    strongest = int(np.nanargmax(found.norms)) if known.size else -1
    for layer in range(bands.layers):
        row, norm = bands.row(layer), float(found.norms[layer])
        if not np.isfinite(norm):
            continue
        height = max(1, min(HEIGHT_MOST, row.height - 2))
        long = max(1, round(room * min(1.0, norm / found.full)))
        bar = Box(box.x, row.y + (row.height - height) // 2, long, height)
        tint = theme.accent if layer == strongest else blend(theme.accent, theme.background, 0.5)
        canvas.fill(bar, tint, min(2, height // 2))
        if layer == strongest or (layer % every == 0 and abs(layer - strongest) >= every):
            middle = row.y + row.height // 2
            place = Box(box.right - NUMBER, middle - LABEL // 2, NUMBER, LABEL)
            ink = theme.text if layer == strongest else theme.dim
            canvas.text(place, _short(norm), face="mono", colour=ink, align="right")
    title = "layer rms"
    canvas.text(Box(box.x, bands.box.bottom + UNIT, box.width, LABEL), title, colour=theme.dim, align="right")


def _short(value: float) -> str:
    """Return a size in few digits; it has no sign."""
    return words.number(value).lstrip("+")
