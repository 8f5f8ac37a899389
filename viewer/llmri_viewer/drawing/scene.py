"""The whole window, drawn from the session."""

import time

from llmri_viewer import face, words
from llmri_viewer.bindings import Bindings
from llmri_viewer.drawing import (
    candidates,
    caption,
    edits,
    footer,
    grid,
    help,  # noqa: A004 - the overlay's name; the builtin is not used here
    layers,
    selection,
    status,
    strip,
)
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.geometry import Box, fitting, grid_of
from llmri_viewer.picture import picture_of, why_empty
from llmri_viewer.session import Session
from llmri_viewer.state import ViewState

METERS_IN_WORDS_FROM = 640  # pixels of width


def draw(canvas: Canvas, session: Session, table: Bindings) -> None:
    """Draw everything."""
    state, store = session.state, session.store
    parts = face.of(state.size)
    canvas.written.clear()
    canvas.fill(parts.window, canvas.theme.background)
    picture = picture_of(state, store)
    caption.draw(canvas, parts.caption, state, picture, unit_at(state, state.pointer))
    if picture is None:
        grid.draw_words(canvas, parts.view, *why_empty(state, store))
    else:
        grid.draw(canvas, parts.view, state, picture)
        caption.draw_bar(canvas, parts.bar, state, picture)
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
    left = max(0, box.height - selection.HEIGHT)
    room = max(left - candidates.HEIGHT, min(left, edits.LEAST))
    selection.draw(canvas, box.row(0, selection.HEIGHT), session.state, session.store)
    edits.draw(canvas, box.row(selection.HEIGHT, room), session.state)
    if left - room >= candidates.LEAST:
        rest = box.row(selection.HEIGHT + room, left - room)
        candidates.draw(canvas, rest, session.state, session.store)


def unit_at(state: ViewState, at: tuple[int, int] | None) -> int | None:
    """Give the unit at a point of the window."""
    if at is None or not state.width or state.at is None:
        return None
    view = face.of(state.size).view
    units = grid_of(state.width)
    return (state.camera or fitting(units, view)).unit_at(units, view, *at)


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
