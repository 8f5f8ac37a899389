"""The whole window, drawn from the session."""

import time

from llmri_viewer import face, views, words
from llmri_viewer.bindings import Bindings
from llmri_viewer.drawing import (
    candidates,
    caption,
    cluster,
    edits,
    footer,
    help,  # noqa: A004 - the overlay's name; the builtin is not used here
    layers,
    painters,
    selection,
    status,
    strip,
)
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.geometry import Box
from llmri_viewer.picture import picture_of, why_empty
from llmri_viewer.session import Session

METERS_IN_WORDS_FROM = 640  # pixels of width


def draw(canvas: Canvas, session: Session, table: Bindings) -> None:
    """Draw everything."""
    state, store = session.state, session.store
    parts = face.of(state.size)
    canvas.written.clear()
    canvas.fill(parts.window, canvas.theme.background)
    picture = picture_of(state, store)
    why = why_empty(state, store)
    caption.draw(canvas, parts.caption, state, picture)
    painters.paint(canvas, state, picture, why)
    if picture is not None:
        caption.draw_bar(canvas, parts.bar, state, picture)
    elif state.view == "circles" and state.clusters:
        canvas.text(parts.bar.row(0, 3 * face.UNIT), f"Unlit. {why[0]}. {why[1]}", colour=canvas.theme.dim)
    status.draw(canvas, parts.status, state, store)
    layers.draw(canvas, parts.layers, state, store)
    if parts.side is not None:
        _side(canvas, parts.side, session)
    strip.draw(canvas, parts.strip, state, store)
    strip.draw_scrubber(canvas, parts.scrubber, state, store)
    footer.draw(canvas, parts.footer, state, meters(session), _hint(table))
    if state.help:
        help.draw(canvas, parts.window, table)


def _side(canvas: Canvas, box: Box, session: Session) -> None:
    """Divide the side panel: the edits get what the others leave; a low one shows fewer candidates."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.y), (box.x, box.bottom), theme.line)
    if session.state.card is None:
        return
    first = _head(canvas, box, session)
    left = max(0, box.height - first)
    room = max(left - candidates.HEIGHT, min(left, edits.LEAST))
    edits.draw(canvas, box.row(first, room), session.state)
    if left - room >= candidates.LEAST:
        rest = box.row(first + room, left - room)
        candidates.draw(canvas, rest, session.state, session.store)


def _head(canvas: Canvas, box: Box, session: Session) -> int:
    """Draw the selected cluster where a view of clusters shows, else the selected units; give the height."""
    state = session.state
    found = cluster.shown(state) if views.of(state).of_clusters else None
    if found is None or state.clusters is None:
        selection.draw(canvas, box.row(0, selection.HEIGHT), state, session.store)
        return selection.HEIGHT
    height = min(cluster.HEIGHT, box.height - edits.LEAST)
    cluster.draw(canvas, box.row(0, height), state, state.clusters, found)
    return height


def meters(session: Session) -> str:
    """Give the stream's flow in numbers."""
    now = time.time()
    lag = session.meter.lag(now)
    shown = words.DASH if lag is None else f"{lag:.0f}"
    wide = session.state.size[0] >= METERS_IN_WORDS_FROM
    flow = f"{session.meter.rate(now):.0f} scans/s · lag {shown} ms · dropped {session.meter.dropped}"
    return flow if wide else f"{session.meter.rate(now):.0f}/s"


def _hint(table: Bindings) -> str:
    chat, keys = table.keys_of("chat.open"), table.keys_of("help.toggle")
    return f"{chat} talks to the model · {keys} shows the keys"
