"""A colour bar: the colours of a scale, with numbers under them and words below."""

import numpy as np

from llmri_viewer.colours import colour
from llmri_viewer.colours.colour import Bytes, Scale
from llmri_viewer.drawing.canvas import Align, Canvas
from llmri_viewer.layout.face import UNIT
from llmri_viewer.layout.geometry import Box
from llmri_viewer.wording import words

BAR = 12
TICKS = 5


def draw(canvas: Canvas, box: Box, table: Bytes, scale: Scale, said: tuple[str, str]) -> None:
    """Draw the colours of a table, what they stand for at five places, and the words left and right."""
    theme = canvas.theme
    ramp = table[np.linspace(0, colour.LEVELS - 1, max(1, box.width)).astype(int)]
    canvas.picture(ramp[None], box.row(0, BAR))
    canvas.outline(box.row(0, BAR), theme.line)
    numbers, room = box.row(BAR + 4, 2 * UNIT), box.width // TICKS
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        x = box.x + round(share * (box.width - 1))
        canvas.line((x, box.y + BAR), (x, box.y + BAR + 3), theme.dim)
        align: Align = "left" if tick == 0 else "right" if tick == TICKS - 1 else "centre"
        start = {"left": box.x, "right": box.right - room, "centre": x - room // 2}[align]
        text = words.number(scale.value(share))
        canvas.text(Box(start, numbers.y, room, numbers.height), text, face="mono", align=align)
    legend = box.row(BAR + 4 + 2 * UNIT, 2 * UNIT + 2)
    name = canvas.text(legend, said[1], colour=theme.dim, align="right")
    rest = Box(legend.x, legend.y, max(0, legend.width - name - 2 * UNIT), legend.height)
    canvas.text(rest, said[0], colour=theme.dim)
