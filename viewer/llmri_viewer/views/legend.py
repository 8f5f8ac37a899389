"""Where things stand in the column beside a view of clusters, and which cluster's row is at a point."""

from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import At

ROW = 18
FACTS = 4  # rows that say what the clusters stand on
OUTLINES = 2  # rows that explain outlines, in the circle view
NOTES = 0.32  # of the height, for what else a reader should know
LEAST_RANKED = 2  # clusters; fewer are not worth a heading
SCALE_FROM = 4  # rows under the heading, from which the last is the scale of the bars in the others


def column(state: ViewState) -> Box | None:
    """Return the column, None where there is no room for it."""
    if state.atlas is None or state.pane.view not in {"circles", "hebbian"}:
        return None
    return window_parts.staged(window_parts.of(state.window.size).view)[0]


def heading(state: ViewState) -> Box | None:
    """Return the row over the ranked clusters, None where these have no room."""
    box = column(state)
    if box is None or state.clusters.ranking is None or _room(box, state) < LEAST_RANKED:
        return None
    return box.row(_top(state), ROW)


def rows(state: ViewState) -> tuple[tuple[int, Box], ...]:
    """Return the most active clusters with their rows, as many as there is room for."""
    first, ranking = heading(state), state.clusters.ranking
    if first is None or ranking is None:
        return ()
    room = _room(first, state)
    shown = ranking.order[: room - 1 if room >= SCALE_FROM else room]
    return tuple((number, first.row((place + 1) * ROW, ROW)) for place, number in enumerate(shown))


def scale(state: ViewState) -> Box | None:
    """The row under the ranked clusters, None where it has no room: bars without a scale say nothing."""
    first, ranked = heading(state), rows(state)
    if first is None or not ranked or _room(first, state) < SCALE_FROM:
        return None
    return ranked[-1][1].row(ROW, ROW)


def notes(state: ViewState) -> Box | None:
    """Return what is left for sentences."""
    box, ranked = column(state), rows(state)
    if box is None:
        return None
    last = scale(state) or (ranked[-1][1] if ranked else None)
    top = last.bottom + UNIT if last else box.y + _top(state)
    return Box(box.x, top, box.width, max(0, box.bottom - top))


def cluster_at(state: ViewState, at: At) -> int | None:
    """Return the cluster whose row is at a point."""
    return next((number for number, box in rows(state) if box.holds(*at)), None)


def is_heading(state: ViewState, at: At) -> bool:
    """Tell whether a point is in the row over the ranked clusters."""
    row = heading(state)
    return row is not None and row.holds(*at)


def _top(state: ViewState) -> int:
    lines = FACTS + (OUTLINES if state.pane.view == "circles" else 0)
    return lines * ROW + (2 if state.pane.view == "circles" else 1) * UNIT


def _room(box: Box, state: ViewState) -> int:
    """Return how many clusters can be listed."""
    whole = column(state) or box
    return int((whole.height * (1 - NOTES) - _top(state)) // ROW) - 1
