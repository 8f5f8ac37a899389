"""The line being drawn around units."""

from llmri_look.colours.theme import blend
from llmri_viewer import views
from llmri_viewer.drawing.canvas import Canvas, Point
from llmri_viewer.model.state import ViewState


def draw(canvas: Canvas, state: ViewState) -> None:
    """Draw the line so far, and faintly the way back to its start, inside the view."""
    if len(state.selection.lasso) < 2:  # noqa: PLR2004 - a line has two ends
        return
    theme = canvas.theme
    points: list[Point] = [(x, y) for x, y in state.selection.lasso]
    canvas.clip(views.of(state).stage(state))
    canvas.curve([points[-1], points[0]], blend(theme.accent, theme.background, 0.5))
    canvas.curve(points, theme.accent)
    canvas.clip(None)
