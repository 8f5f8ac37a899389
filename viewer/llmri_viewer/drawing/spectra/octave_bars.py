"""How much of a spectrum's power lies in which octave, as bars beside those of a flat spectrum."""

import numpy as np

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.views.values.spectra import Curve

BAR = 6
LINE = 2 * UNIT + 2
GAP = 2 * UNIT


def draw(canvas: Canvas, box: Box, curve: Curve, thing: str) -> None:
    """Draw a bar a band, slow to fast, full for all of the power, and a tick where a flat spectrum's ends."""
    theme, count = canvas.theme, len(curve.shares)
    flat = np.diff(curve.edges) / (curve.edges[-1] - curve.edges[0])
    wide = (box.width + GAP) // count
    for band in range(count):
        cell = Box(box.x + band * wide, box.y, wide - GAP, box.height)
        share = f"{100 * curve.shares[band]:.0f} %"
        room = canvas.width(share, "mono")
        canvas.text(cell.row(0, LINE), share, face="mono", align="right")
        named = Box(cell.x, cell.y, max(0, cell.width - room - UNIT // 2), LINE)
        canvas.text(named, _period(curve, band), colour=theme.dim)
        bar = cell.row(LINE + 3, BAR)
        canvas.fill(bar, theme.raised)
        long = round(float(curve.shares[band]) * bar.width)
        canvas.fill(Box(bar.x, bar.y, max(1, long), BAR), theme.accent)
        tick = bar.x + min(bar.width - 1, round(float(flat[band]) * bar.width))
        canvas.line((tick, bar.y - 2), (tick, bar.bottom + 1), theme.text)
    said = f"share of the power by period in {thing}s; a full bar is 100 %, the tick a flat spectrum's share"
    canvas.text(box.row(LINE + BAR + UNIT, LINE), said, colour=theme.dim)


def _period(curve: Curve, band: int) -> str:
    """Name a band by its periods; the first has all that is slower."""
    low, high = 1 / curve.edges[band + 1], 1 / curve.edges[band]
    return f"{low:.3g} to {high:.3g}" if band else f"{low:.3g} up"
