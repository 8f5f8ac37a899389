"""The whole window, drawn from the session."""

import time

from llmri_viewer import views
from llmri_viewer.drawing import painters
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import goto, help, hint, lasso  # noqa: A004 - the builtin is not used here
from llmri_viewer.drawing.panels import (
    candidates,
    caption,
    cluster,
    edits,
    footer,
    layers,
    selection,
    status,
    strip,
    timeline,
)
from llmri_viewer.keys.bindings import Bindings
from llmri_viewer.layout import face
from llmri_viewer.layout.geometry import Box
from llmri_viewer.session import Session
from llmri_viewer.shown.picture import picture_of
from llmri_viewer.wording import words
from llmri_viewer.wording.why import why_empty

METERS_IN_WORDS_FROM = 640  # pixels of width
UNLIT_ROW = 18


def draw(canvas: Canvas, session: Session, table: Bindings) -> None:
    """Draw everything."""
    state, store = session.state, session.store
    parts = face.of(state.size)
    canvas.written.clear()
    canvas.spelled = table.spelled
    canvas.fill(parts.window, canvas.theme.background)
    picture = picture_of(state, store)
    why = why_empty(state, store)
    caption.draw(canvas, parts.caption, state, picture)
    painters.paint(canvas, state, store, picture, why)
    lasso.draw(canvas, state)
    if picture is not None and views.of(state).scaled:
        caption.draw_bar(canvas, parts.bar, state, picture)
    elif state.view == "circles" and state.clusters:
        unlit = canvas.spelled(f"Unlit. {why[0]}. {why[1]}")
        canvas.paragraph(parts.bar, unlit, UNLIT_ROW, colour=canvas.theme.dim)
    status.draw(canvas, parts.status, state, store, timings(session))
    layers.draw(canvas, parts.layers, state, store)
    if parts.side is not None:
        _side(canvas, parts.side, session)
    strip.draw(canvas, parts.strip, state, store)
    timeline.draw(canvas, parts.scrubber, state, store, strip.turn_of(state, store))
    if state.hint:
        hint.draw(canvas, parts.view, table)
    footer.draw(canvas, parts.footer, parts.below, state, meters(session))
    goto.draw(canvas, parts.view, state, store)
    if state.help:
        help.draw(canvas, parts.window, table, state.view_mode, state.help_page)


def timings(session: Session) -> str:
    """Give how quickly frames are drawn and tokens shown, where that is wanted."""
    return session.meter.timings.line(time.time()) if session.state.timings else ""


def _side(canvas: Canvas, box: Box, session: Session) -> None:
    """Divide the side panel: the edits get what the others leave; a low one shows fewer candidates."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.y), (box.x, box.bottom), theme.line)
    if session.state.card is None:
        return
    first = _head(canvas, box, session)
    left = max(0, box.height - first)
    room = max(left - candidates.HEIGHT, min(left, edits.least(session.state)))
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
    rate, lag = session.meter.flow(time.time())
    shown = words.DASH if lag is None else f"{lag:.0f}"
    wide = session.state.size[0] >= METERS_IN_WORDS_FROM
    flow = f"{rate:.0f} scans/s · lag {shown} ms · dropped {session.meter.dropped}"
    return flow if wide else f"{rate:.0f}/s"
