"""What stands where there is no picture yet: why, what to do next, and how far something has come."""

from collections.abc import Callable

from llmri_look.colours.theme import LARGE
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.clusters.gathered import Job
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.measured.measuring import Kind
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Words

Why = Callable[[], Words]
"""Says why a view has no picture."""

SENTENCE_WIDEST = 64 * UNIT
BAR_WIDEST = 40 * UNIT
BAR_HEIGHT = 6
JOB_ROOM = 12 * UNIT  # of the bar in the footer
MEASURED_ROOM = 20 * UNIT
STOPS = "{view.out} stops"
LEAST_SHOWN = 0.02  # of the bar, so that one can see that it began


def say(canvas: Canvas, box: Box, headline: str, sentence: str) -> None:
    """Say in the middle of the view why there is no picture; commands in braces are written as their keys."""
    middle = box.y + box.height // 2
    canvas.text(
        Box(box.x, middle - 3 * UNIT, box.width, 3 * UNIT), headline, size=LARGE, face="bold", align="centre"
    )
    width = min(box.width, SENTENCE_WIDEST)
    place = Box(box.x + (box.width - width) // 2, middle + UNIT // 2, width, max(0, box.bottom - middle))
    canvas.paragraph(place, canvas.spelled(sentence), 2 * UNIT + 4, colour=canvas.theme.dim, align="centre")


def is_waiting(canvas: Canvas, state: ViewState, why: Why) -> bool:
    """Tell whether a view of clusters has none yet; then say how far they have come."""
    if state.atlas is not None:
        return False
    clusters(canvas, window_parts.of(state.window.size).view, state, why())
    return True


def clusters(canvas: Canvas, box: Box, state: ViewState, why: Words) -> None:
    """Say in the middle of a view of clusters why there are none, over it a bar that fills."""
    say(canvas, box, *why)
    share = _share(state)
    if share is None:
        return
    width = min(BAR_WIDEST, box.width)
    top = box.y + box.height // 2 - 5 * UNIT
    _bar(canvas, Box(box.x + (box.width - width) // 2, top, width, BAR_HEIGHT), share)


def job_bar(canvas: Canvas, box: Box, job: Job) -> int:
    """Draw a job's bar at the right end of a line; give the room it takes."""
    place = Box(box.right - JOB_ROOM, box.y + (box.height - BAR_HEIGHT) // 2, JOB_ROOM, BAR_HEIGHT)
    _bar(canvas, place, job.done / max(1, job.of))
    text = f"{100 * job.done // max(1, job.of)} %"
    room = canvas.width("100 %", "mono") + UNIT
    canvas.text(Box(place.x - room, box.y, room - UNIT, box.height), text, face="mono", align="right")
    return JOB_ROOM + room + 2 * UNIT


def _share(state: ViewState) -> float | None:
    """Return how full the bar is: of the job, or else of the samples that are needed; None without either."""
    if state.clusters.job is not None:
        return state.clusters.job.done / max(1, state.clusters.job.of)
    got = state.clusters.gathered
    return min(1.0, got.samples / got.needed) if got.needed and not state.clusters.misfit else None


def _bar(canvas: Canvas, box: Box, share: float) -> None:
    canvas.fill(box, canvas.theme.line, BAR_HEIGHT // 2)
    if share > 0:
        filled = max(BAR_HEIGHT, round(share * box.width))
        canvas.fill(Box(box.x, box.y, filled, box.height), canvas.theme.accent, BAR_HEIGHT // 2)


def measurement(
    canvas: Canvas, box: Box, state: ViewState, kind: Kind, note: str, *, warns: bool = False
) -> None:
    """Draw progress while a measurement of this kind is under way, else why it failed, else the note."""
    theme = canvas.theme
    pending, failed = state.measurements.pending.get(kind), state.measurements.failures.get(kind)
    if pending is not None:
        _progress(canvas, box, pending.done / pending.total if pending.total else 0.0, pending.what)
    elif failed is not None:
        canvas.text(box, f"not measured: {failed.message}", colour=theme.warning)
    else:
        canvas.text(box, canvas.spelled(note), colour=theme.warning if warns else theme.dim)


def _progress(canvas: Canvas, box: Box, share: float, what: str) -> None:
    """Draw a bar, what is being done, and how to end it."""
    theme = canvas.theme
    bar = Box(box.x, box.y + box.height // 2 - 4, min(MEASURED_ROOM, box.width // 3), 8)
    canvas.fill(bar, theme.raised, 4)
    done = max(LEAST_SHOWN, min(1.0, share))
    canvas.fill(Box(bar.x, bar.y, max(8, round(done * bar.width)), bar.height), theme.accent, 4)
    stops = canvas.spelled(STOPS)
    room = canvas.width(stops)
    canvas.text(Box(box.right - room, box.y, room, box.height), stops, colour=theme.dim, align="right")
    left = bar.right + UNIT
    text = what or "waiting for the model"
    canvas.text(Box(left, box.y, max(0, box.right - room - UNIT - left), box.height), text)
