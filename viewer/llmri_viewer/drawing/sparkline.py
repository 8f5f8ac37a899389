"""One unit's values over the turn, as a small curve."""

from llmri_viewer import words
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore

LEGEND = 2 * UNIT + 2
LEAST = 9 * UNIT


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, place: tuple[int, int]) -> None:
    """Draw the curve of a layer's unit: zero as a line, the shown token as a dot, the range in numbers."""
    theme = canvas.theme
    if state.at is None:
        return
    tokens, values = store.history(state.at.turn, state.site, *place)
    chart = Box(box.x, box.y, box.width, max(1, box.height - LEGEND))
    canvas.fill(chart, theme.background, 3)
    if not values:
        return
    points = _points(chart.inset(6, 8), tokens, values)
    zero = _height(chart.inset(6, 8), values, 0.0)
    canvas.line((chart.x + 6, zero), (chart.right - 6, zero), theme.line)
    canvas.curve(points, theme.text)
    if state.at.token in tokens:
        canvas.dot(points[tokens.index(state.at.token)], 4, theme.accent)
    legend = Box(box.x, chart.bottom, box.width, LEGEND)
    span = f"{words.number(min(values))} to {words.number(max(values))}"
    used = canvas.text(legend, span, face="mono", colour=theme.dim)
    rest = Box(legend.x + used + UNIT, legend.y, max(0, legend.width - used - UNIT), LEGEND)
    canvas.text(rest, f"turn {state.at.turn}", colour=theme.dim, align="right")


def _points(inner: Box, tokens: list[int], values: list[float]) -> list[tuple[float, float]]:
    first, across = tokens[0], max(1, tokens[-1] - tokens[0])
    return [
        (inner.x + (token - first) / across * (inner.width - 1), _height(inner, values, value))
        for token, value in zip(tokens, values, strict=True)
    ]


def _height(inner: Box, values: list[float], value: float) -> float:
    """Give where a value lies; zero is always in sight."""
    low, high = min(*values, 0.0), max(*values, 0.0)
    return inner.bottom - 1 - (value - low) / ((high - low) or 1.0) * inner.height
