"""The whole window, drawn from the state, the store and the meters."""

from typing import NamedTuple

from llmri_look.keys.bindings import Bindings
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
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import face
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState

UNLIT_ROW = 18


class Meters(NamedTuple):
    """How the stream flows and how quickly frames are drawn, in numbers."""

    flow: str
    timings: str = ""  # where these are wanted


def draw(canvas: Canvas, state: ViewState, store: ScanStore, table: Bindings, meters: Meters) -> None:
    """Draw everything."""
    parts = face.of(state.window.size)
    canvas.written.clear()
    canvas.spelled = table.spelled
    canvas.fill(parts.window, canvas.theme.background)
    view = views.of(state)
    picture = view.picture(state, store)
    why = view.why_empty(state, store)
    caption.draw(canvas, parts.caption, state, picture)
    painters.paint(canvas, state, store, picture, why)
    lasso.draw(canvas, state)
    if picture is not None and view.scaled:
        caption.draw_bar(canvas, parts.bar, state, picture)
    elif view.packs and state.atlas:
        unlit = canvas.spelled(f"Unlit. {why[0]}. {why[1]}")
        canvas.paragraph(parts.bar, unlit, UNLIT_ROW, colour=canvas.theme.dim)
    status.draw(canvas, parts.status, state, store, meters.timings)
    layers.draw(canvas, parts.layers, state, store)
    if parts.side is not None:
        _side(canvas, parts.side, state, store)
    strip.draw(canvas, parts.strip, state, store)
    timeline.draw(canvas, parts.scrubber, state, store, strip.turn_of(state, store))
    if state.overlays.hint:
        hint.draw(canvas, parts.view, table)
    footer.draw(canvas, parts.footer, parts.below, state, meters.flow)
    goto.draw(canvas, parts.view, state, store)
    if state.overlays.help:
        help.draw(canvas, parts.window, table, state.view_mode, state.overlays.help_page)


def _side(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Divide the side panel: the edits get what the others leave; a low one shows fewer candidates."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.y), (box.x, box.bottom), theme.line)
    if state.connection.card is None:
        return
    first = _head(canvas, box, state, store)
    left = max(0, box.height - first)
    room = max(left - candidates.HEIGHT, min(left, edits.least(state)))
    edits.draw(canvas, box.row(first, room), state)
    if left - room >= candidates.LEAST:
        rest = box.row(first + room, left - room)
        candidates.draw(canvas, rest, state, store)


def _head(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> int:
    """Draw the selected cluster where a view of clusters shows, else the selected units; give the height."""
    found = cluster.shown(state) if views.of(state).of_clusters else None
    if found is None or state.atlas is None:
        selection.draw(canvas, box.row(0, selection.HEIGHT), state, store)
        return selection.HEIGHT
    height = min(cluster.HEIGHT, box.height - edits.LEAST)
    cluster.draw(canvas, box.row(0, height), state, state.atlas, found)
    return height
