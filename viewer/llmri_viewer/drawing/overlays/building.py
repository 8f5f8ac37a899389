"""How far the collecting of samples and the building of clusters have come, drawn."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import empty
from llmri_viewer.model.clusters.gathered import Job
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Words

WIDEST = 40 * UNIT
HEIGHT = 6
ROOM = 12 * UNIT  # of the bar in the footer


def draw(canvas: Canvas, box: Box, state: ViewState, why: Words) -> None:
    """Say in the middle of a view of clusters why there are none, over it a bar that fills."""
    empty.draw(canvas, box, *why)
    share = _share(state)
    if share is None:
        return
    width = min(WIDEST, box.width)
    top = box.y + box.height // 2 - 5 * UNIT
    _bar(canvas, Box(box.x + (box.width - width) // 2, top, width, HEIGHT), share)


def draw_small(canvas: Canvas, box: Box, job: Job | None) -> int:
    """Draw a job's bar at the right end of a line; give the room it takes."""
    if job is None:
        return 0
    place = Box(box.right - ROOM, box.y + (box.height - HEIGHT) // 2, ROOM, HEIGHT)
    _bar(canvas, place, job.done / max(1, job.of))
    text = f"{100 * job.done // max(1, job.of)} %"
    room = canvas.width("100 %", "mono") + UNIT
    canvas.text(Box(place.x - room, box.y, room - UNIT, box.height), text, face="mono", align="right")
    return ROOM + room + 2 * UNIT


def _share(state: ViewState) -> float | None:
    """Return how full the bar is: of the job, or else of the samples that are needed; None without either."""
    if state.clusters.job is not None:
        return state.clusters.job.done / max(1, state.clusters.job.of)
    got = state.clusters.gathered
    return min(1.0, got.samples / got.needed) if got.needed and not state.clusters.misfit else None


def _bar(canvas: Canvas, box: Box, share: float) -> None:
    canvas.fill(box, canvas.theme.line, HEIGHT // 2)
    if share > 0:
        filled = max(HEIGHT, round(share * box.width))
        canvas.fill(Box(box.x, box.y, filled, box.height), canvas.theme.accent, HEIGHT // 2)
