"""What the parts of the side panel have in common: a heading over a body."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box

HEADING = 30


def heading(canvas: Canvas, box: Box, title: str, note: str = "", *, first: bool = False) -> Box:
    """Write a heading with a note at its right end, under a line unless it is the first; give the body."""
    theme = canvas.theme
    row = box.inset(2 * UNIT, 0).row(0, HEADING)
    if not first:
        canvas.line((box.x + 2 * UNIT, box.y), (box.right - 2 * UNIT, box.y), theme.line)
    room = min(canvas.width(note), row.width * 2 // 3)
    canvas.text(Box(row.x, row.y, row.width - room - UNIT, row.height), title, face="bold")
    canvas.text(Box(row.right - room, row.y, room, row.height), note, colour=theme.dim, align="right")
    inside = box.inset(2 * UNIT, 0)
    return Box(inside.x, box.y + HEADING, inside.width, max(0, box.height - HEADING))
