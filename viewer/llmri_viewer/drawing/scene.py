"""The whole window, drawn from the state, the store and the meters; one painter a view."""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from importlib import import_module
from pkgutil import walk_packages
from types import MappingProxyType
from typing import NamedTuple

from llmri_look.colours.theme import blend
from llmri_look.keys.bindings import Bindings
from llmri_look.view_names import ViewName
from llmri_viewer import drawing, views
from llmri_viewer.drawing.canvas import Canvas, Point
from llmri_viewer.drawing.overlays import goto, help, hint, waiting  # noqa: A004 - the builtin is not used here
from llmri_viewer.drawing.panels import (
    caption,
    cluster,
    edits,
    layers,
    side,
    status,
    strip,
    timeline,
)
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Picture

LOG = logging.getLogger(__name__)
UNLIT_ROW = 18
Painter = Callable[[Canvas, ViewState, ScanStore, Picture | None, waiting.Why], None]
"""Draws a view's box from the state, the scans and the picture; the words say why there is none."""


class Meters(NamedTuple):
    """How the stream flows and how quickly frames are drawn, in numbers."""

    flow: str
    timings: str = ""  # where these are wanted


def draw(canvas: Canvas, state: ViewState, store: ScanStore, table: Bindings, meters: Meters) -> None:
    """Draw everything."""
    parts = window_parts.of(state.window.size)
    canvas.written.clear()
    canvas.spelled = table.spelled
    canvas.fill(parts.window, canvas.theme.background)
    view = views.of(state)
    picture = view.picture(state, store)
    why = partial(view.why_empty, state, store)
    caption.draw(canvas, parts.caption, state, picture)
    paint(canvas, state, store, picture, why)
    if state.selection.lasso:
        _lasso(canvas, state)
    if picture is not None and view.scaled:
        caption.draw_bar(canvas, parts.bar, state, picture)
    elif view.packs and state.atlas:
        unlit = canvas.spelled("Unlit. {}. {}".format(*why()))
        canvas.paragraph(parts.bar, unlit, UNLIT_ROW, colour=canvas.theme.dim)
    status.draw(canvas, parts.status, state, store, meters.timings)
    layers.draw(canvas, parts.layers, state, store)
    if parts.side is not None:
        _side(canvas, parts.side, state, store)
    strip.draw(canvas, parts.strip, state, store)
    timeline.draw(canvas, parts.scrubber, state, store, strip.turn_of(state, store))
    if state.overlays.hint:
        hint.draw(canvas, parts.view, table)
    status.draw_foot(canvas, parts.footer, parts.below, state, meters.flow)
    if state.typing.goto is not None:
        goto.draw(canvas, parts.view, state.typing.goto, state, store)
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
    room = max(left - side.CANDIDATES_HEIGHT, min(left, edits.least(state)))
    edits.draw(canvas, box.row(first, room), state)
    if left - room >= side.CANDIDATES_LEAST:
        rest = box.row(first + room, left - room)
        side.candidates(canvas, rest, state, store)


def _head(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> int:
    """Draw the selected cluster where a view of clusters shows, else the selected units; give the height."""
    found = cluster.shown(state) if views.of(state).of_clusters else None
    if found is None or state.atlas is None:
        side.selection(canvas, box.row(0, side.SELECTION_HEIGHT), state, store)
        return side.SELECTION_HEIGHT
    height = min(cluster.HEIGHT, box.height - edits.LEAST)
    cluster.draw(canvas, box.row(0, height), state, state.atlas, found)
    return height


def paint(
    canvas: Canvas, state: ViewState, store: ScanStore, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw the shown view; one that fails says so in its place, and once in the log."""
    try:
        painters()[views.of(state).name](canvas, state, store, picture, why)
    except Exception as error:
        sentence = f"{type(error).__name__}: {error}"
        _log(state.pane.view, sentence)
        view = window_parts.of(state.window.size).view
        canvas.clip(None)
        canvas.fill(view, canvas.theme.background)
        waiting.say(canvas, view, "This view cannot be drawn", sentence)


@lru_cache(maxsize=64)  # a failure comes again with every frame
def _log(view: ViewName, sentence: str) -> None:
    """Log the failure that is being handled."""
    LOG.exception("the view %s failed: %s", view, sentence)


@cache
def painters() -> Mapping[ViewName, Painter]:
    """Return how each view is drawn: a module that draws views has them in `PAINTERS`."""
    return MappingProxyType(dict(_found()))


def _found() -> Iterator[tuple[ViewName, Painter]]:
    for module in walk_packages(drawing.__path__, f"{drawing.__name__}."):
        yield from getattr(import_module(module.name), "PAINTERS", {}).items()


def _lasso(canvas: Canvas, state: ViewState) -> None:
    """Draw the line so far, and faintly the way back to its start, inside the view."""
    if len(state.selection.lasso) < 2:  # noqa: PLR2004 - a line has two ends
        return
    theme = canvas.theme
    points: list[Point] = [(x, y) for x, y in state.selection.lasso]
    canvas.clip(views.of(state).stage(state))
    canvas.curve([points[-1], points[0]], blend(theme.accent, theme.background, 0.5))
    canvas.curve(points, theme.accent)
    canvas.clip(None)
