"""The line over a view of measurements: how far one has come, why there is none, or what to know of it."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.measured.measuring import Kind
from llmri_viewer.model.state import ViewState

BAR = 20 * UNIT
STOPS = "{view.out} stops"
LEAST_SHOWN = 0.02  # of the bar, so that one can see that it began


def draw(canvas: Canvas, box: Box, state: ViewState, kind: Kind, note: str, *, warns: bool = False) -> None:
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
    bar = Box(box.x, box.y + box.height // 2 - 4, min(BAR, box.width // 3), 8)
    canvas.fill(bar, theme.raised, 4)
    done = max(LEAST_SHOWN, min(1.0, share))
    canvas.fill(Box(bar.x, bar.y, max(8, round(done * bar.width)), bar.height), theme.accent, 4)
    stops = canvas.spelled(STOPS)
    room = canvas.width(stops)
    canvas.text(Box(box.right - room, box.y, room, box.height), stops, colour=theme.dim, align="right")
    left = bar.right + UNIT
    text = what or "waiting for the model"
    canvas.text(Box(left, box.y, max(0, box.right - room - UNIT - left), box.height), text)
