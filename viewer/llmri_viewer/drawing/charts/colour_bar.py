"""A colour bar: the colours of a scale, with numbers under them and words below."""

from collections.abc import Callable

import numpy as np

from llmri_look import words
from llmri_look.colours import colour
from llmri_look.colours.colour import Bytes, Scale
from llmri_look.colours.theme import Colour
from llmri_viewer.drawing.canvas import Align, Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT

BAR = 12
TICKS = 5
NUMBERS = BAR + 4  # pixels down to them
LEGEND = NUMBERS + 2 * UNIT
Number = Callable[[float], str]


def draw(
    canvas: Canvas,
    box: Box,
    table: Bytes,
    scale: Scale,
    said: tuple[str, str],
    *,
    number: Number = words.number,
    ink: Colour | None = None,
) -> None:
    """Draw a colour bar.

    Args:
        canvas: What is drawn on.
        box: The room of bar, numbers and words.
        table: The colours of the scale, `[levels, 3]`.
        scale: The values that they stand for.
        said: The words below: at the left what is shown, at the right the colour map's name.
        number: Writes a value.
        ink: Of what is shown; dim where none is given.
    """
    theme = canvas.theme
    across = np.round(np.linspace(0, colour.LEVELS - 1, max(1, box.width))).astype(np.intp)
    canvas.picture(table[across][None], box.row(0, BAR))
    canvas.outline(box.row(0, BAR), theme.line)
    _numbers(canvas, box, scale, number)
    legend = box.row(LEGEND, 2 * UNIT + 2)
    taken = canvas.text(legend, said[1], colour=theme.dim, align="right")
    rest = legend._replace(width=max(0, legend.width - taken - 2 * UNIT))
    canvas.text(rest, said[0], colour=ink or theme.dim)


def _numbers(canvas: Canvas, box: Box, scale: Scale, number: Number) -> None:
    """Write what the colours stand for at equal distances, from one end of the bar to the other."""
    room = box.width // TICKS
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        x = box.x + round(share * (box.width - 1))
        canvas.line((x, box.y + BAR), (x, box.y + BAR + 3), canvas.theme.dim)
        align: Align = "left" if tick == 0 else "right" if tick == TICKS - 1 else "centre"
        start = {"left": box.x, "centre": x - room // 2, "right": box.right - room}[align]
        place = Box(start, box.y + NUMBERS, room, 2 * UNIT)
        canvas.text(place, number(scale.value(share)), face="mono", align=align)
