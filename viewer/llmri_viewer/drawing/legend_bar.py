"""A bar of colours with numbers under it and words for what they mean."""

import math

import numpy as np

from llmri_viewer.colours import colour
from llmri_viewer.colours.colour import Scale
from llmri_viewer.drawing.canvas import Align, Canvas
from llmri_viewer.layout.face import UNIT
from llmri_viewer.layout.geometry import Box
from llmri_viewer.options import ColourMapName

BAR = 12
TICKS = 5
LEAST = 1e-9  # of a scale's ends


def draw(canvas: Canvas, box: Box, name: ColourMapName, scale: Scale, meaning: str) -> None:
    """Draw it; the map's name stands at the right end of the words."""
    theme = canvas.theme
    bar = box.row(0, BAR)
    steps = np.linspace(0, colour.LEVELS - 1, max(1, box.width)).astype(int)
    canvas.picture(colour.table(name, theme.name)[steps][None], bar)
    canvas.outline(bar, theme.line)
    room = box.width // TICKS
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        x = box.x + round(share * (box.width - 1))
        canvas.line((x, bar.bottom), (x, bar.bottom + 3), theme.dim)
        align: Align = "left" if tick == 0 else "right" if tick == TICKS - 1 else "centre"
        start = {"left": box.x, "centre": x - room // 2, "right": box.right - room}[align]
        place = Box(start, box.y + BAR + 4, room, 2 * UNIT)
        canvas.text(place, _number(scale, share), face="mono", align=align)
    legend = box.row(BAR + 4 + 2 * UNIT, 2 * UNIT + 2)
    used = canvas.text(legend, name, colour=theme.dim, align="right")
    canvas.text(Box(legend.x, legend.y, max(0, legend.width - used - 2 * UNIT), legend.height), meaning)


def _number(scale: Scale, share: float) -> str:
    """Give a value of the scale with as many digits as its width needs, and a sign where it has both."""
    span = max(abs(scale.low), abs(scale.high), LEAST)
    digits = max(2, 1 - math.floor(math.log10(span)))
    return f"{scale.value(share):{'+' if scale.low < 0 else ''}.{digits}f}"
