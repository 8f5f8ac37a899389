"""The bottom line: what is typed, or what there is to say, and the meters."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.state import Link, ViewState


def draw(canvas: Canvas, box: Box, state: ViewState, meters: str, hint: str) -> None:
    """Draw the chat box while it is open, else a notice, else a hint; the meters at the right."""
    theme = canvas.theme
    canvas.fill(box, theme.raised)
    inner = box.inset(2 * UNIT, 0)
    room = canvas.width(meters, "mono")
    canvas.text(Box(inner.right - room, box.y, room, box.height), meters, face="mono", colour=theme.dim)
    left = Box(inner.x, box.y, max(0, inner.width - room - 3 * UNIT), box.height)
    if state.chat is not None:
        _chat(canvas, left, state.chat)
    elif state.notice:
        canvas.text(left, state.notice, colour=theme.warning if state.warning else theme.text)
    elif state.link.link is not Link.CONNECTED and state.card is not None:
        canvas.text(left, state.link.sentence, colour=theme.warning)
    else:
        canvas.text(left, hint, colour=theme.dim)


def _chat(canvas: Canvas, box: Box, typed: str) -> None:
    """Write what is typed, its end always in sight, and a bar where the next letter goes."""
    theme = canvas.theme
    sign = canvas.text(box, "> ", face="mono", colour=theme.accent)
    place = Box(box.x + sign, box.y, max(0, box.width - sign - UNIT), box.height)
    if not typed:
        canvas.text(place.inset(UNIT // 2, 0), "say something; Enter sends, Esc leaves", colour=theme.dim)
    while typed and canvas.width(typed, "mono") > place.width:
        typed = typed[1 + len(typed) // 16 :]
    used = canvas.text(place, typed, face="mono")
    canvas.line((place.x + used + 1, box.y + UNIT), (place.x + used + 1, box.bottom - UNIT), theme.accent, 2)
