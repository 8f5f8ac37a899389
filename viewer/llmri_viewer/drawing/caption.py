"""The line over the view, what is shown, and the colour bar under it."""

import numpy as np

from llmri_viewer import colour, words
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.picture import Picture
from llmri_viewer.state import ViewState
from llmri_viewer.theme import LARGE

BAR = 12
TICKS = 5
SIDE_BY_SIDE = 560  # pixels from which map name and scale fit one line


def draw(canvas: Canvas, box: Box, state: ViewState, picture: Picture | None, pointed: int | None) -> None:
    """Say what a cell is on the left, and the pointed or selected unit's value on the right."""
    site = state.site_card
    if site is None:
        return
    reading = _reading(state, picture, pointed)
    room = canvas.width(reading, "mono") if reading else 0
    title = f"{words.units(site)}"
    used = canvas.text(
        Box(box.x, box.y, max(0, box.width - room - 2 * UNIT), box.height), title, size=LARGE, face="bold"
    )
    where = f"at {state.site}, layer {state.layer}" + (", as difference" if state.difference else "")
    left = box.x + used + UNIT
    canvas.text(
        Box(left, box.y, max(0, box.right - left - room - 2 * UNIT), box.height),
        where,
        colour=canvas.theme.dim,
    )
    canvas.text(Box(box.right - room, box.y, room, box.height), reading, face="mono", align="right")


def draw_bar(canvas: Canvas, box: Box, state: ViewState, picture: Picture) -> None:
    """Draw the colours with numbers under them and the scale in words."""
    theme = canvas.theme
    ramp = colour.table(state.colour_map, theme.name)[
        np.linspace(0, colour.LEVELS - 1, max(1, box.width)).astype(int)
    ]
    canvas.picture(ramp[None], Box(box.x, box.y, box.width, BAR))
    canvas.outline(Box(box.x, box.y, box.width, BAR), theme.line)
    numbers = box.row(BAR + 4, 2 * UNIT)
    room = box.width // TICKS
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        x = box.x + round(share * (box.width - 1))
        canvas.line((x, box.y + BAR), (x, box.y + BAR + 3), theme.dim)
        align, start = "centre", x - room // 2
        if tick == 0:
            align, start = "left", box.x
        if tick == TICKS - 1:
            align, start = "right", box.right - room
        text = words.number(picture.scale.value(share))
        canvas.text(Box(start, numbers.y, room, numbers.height), text, face="mono", align=align)  # type: ignore[arg-type]
    legend = box.row(BAR + 4 + 2 * UNIT, 2 * UNIT + 2)
    name = canvas.text(legend, state.colour_map, colour=theme.dim, align="right")
    canvas.text(
        Box(legend.x, legend.y, max(0, legend.width - name - 2 * UNIT), legend.height),
        words.scale(state),
        colour=theme.dim,
    )


def _reading(state: ViewState, picture: Picture | None, pointed: int | None) -> str:
    """Give the unit under the pointer with its value, or else the selected one."""
    unit = pointed if pointed is not None else next(iter(state.selected_here), None)
    if unit is None or picture is None or unit >= picture.values.size:
        return ""
    factor = state.standing.of(state.site, state.layer).get(unit)
    edited = f"  {words.factor(factor)}" if factor is not None else ""
    return f"unit {unit}  {words.number(float(picture.values[unit]))}{edited}"
