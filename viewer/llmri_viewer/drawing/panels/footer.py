"""The bottom line: what is typed, or what there is to say, and the meters."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import Link, ViewState

ROW = 20
GAP = 3 * UNIT
CHAT = "say something; {chat.send} sends, {chat.send_new} in a new conversation, {chat.leave} leaves"
LOOKING = "{help.toggle} shows the keys"
SILENT = "this window only looks; {chat.leave} leaves"
HINT = "{chat.open} talks to the model · {help.toggle} shows the keys"


def draw(canvas: Canvas, box: Box, above: Box, state: ViewState, meters: str) -> None:
    """Draw what is typed, else a notice, else a hint; the meters at the right.

    A notice that has no room in the line is written in as many lines as it needs, over the panel `above`.
    """
    theme = canvas.theme
    canvas.fill(box, theme.raised)
    inner = box.inset(2 * UNIT, 0)
    room = canvas.width(meters, "mono")
    canvas.text(Box(inner.right - room, box.y, room, box.height), meters, face="mono", colour=theme.dim)
    room += waiting.job_bar(
        canvas, Box(inner.x, box.y, inner.width - room - GAP, box.height), state.clusters.job
    )
    left = Box(inner.x, box.y, max(0, inner.width - room - GAP), box.height)
    notice = canvas.spelled(state.overlays.notice)
    typing = state.typing.chat is not None
    if state.typing.chat is not None:
        _typed(canvas, left, "> ", state.typing.chat, SILENT if state.connection.read_only else CHAT)
    elif notice and canvas.width(notice) <= left.width:
        canvas.text(left, notice, colour=theme.warning if state.overlays.warning else theme.text)
        return
    elif state.connection.link.link is not Link.CONNECTED and state.connection.card is not None:
        canvas.text(left, state.connection.link.sentence, colour=theme.warning)
    else:
        canvas.text(left, canvas.spelled(LOOKING if state.connection.read_only else HINT), colour=theme.dim)
    if notice and (typing or canvas.width(notice) > left.width):
        _tray(canvas, above, notice, warning=state.overlays.warning)


def _tray(canvas: Canvas, above: Box, notice: str, *, warning: bool) -> None:
    """Write a long notice, or one told while something is typed, at the foot of the panel above."""
    theme = canvas.theme
    most = max(1, (above.height - 2 * UNIT) // ROW)
    lines = min(most, canvas.lines(notice, above.width - 4 * UNIT))
    height = lines * ROW + 2 * UNIT
    box = Box(above.x, above.bottom - height, above.width, height)
    canvas.cover(box, theme.raised)
    canvas.line((box.x, box.y), (box.right, box.y), theme.warning if warning else theme.accent)
    ink = theme.warning if warning else theme.text
    canvas.paragraph(box.inset(2 * UNIT, UNIT), notice, ROW, colour=ink)


def _typed(canvas: Canvas, box: Box, sign: str, typed: str, prompt: str) -> None:
    """Write what is typed, its end always in sight, and a bar where the next letter goes."""
    theme = canvas.theme
    used = canvas.text(box, sign, face="mono", colour=theme.accent)
    place = Box(box.x + used, box.y, max(0, box.width - used - UNIT), box.height)
    if not typed:
        canvas.text(place.inset(UNIT // 2, 0), canvas.spelled(prompt), colour=theme.dim)
    used = canvas.text(place, canvas.tail(typed, "mono", place.width), face="mono")
    canvas.line((place.x + used + 1, box.y + UNIT), (place.x + used + 1, box.bottom - UNIT), theme.accent, 2)
