"""One unit's values over the turn, as a small curve."""

from bisect import bisect_left
from dataclasses import dataclass

from llmri_look import words
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState

LEGEND = 2 * UNIT + 2
LEAST = 9 * UNIT
POINTS_A_PIXEL = 2  # the lowest and the highest value there


@dataclass(frozen=True, eq=False)
class Axes:
    """Where tokens and values lie in a box; zero is always in sight."""

    box: Box
    first: int
    last: int
    low: float
    high: float

    def at(self, token: int, value: float) -> tuple[float, float]:
        """Return the point of a token's value."""
        across = (token - self.first) / max(1, self.last - self.first)
        up = (value - min(self.low, 0.0)) / ((max(self.high, 0.0) - min(self.low, 0.0)) or 1.0)
        return self.box.x + across * (self.box.width - 1), self.box.bottom - 1 - up * self.box.height


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, place: tuple[int, int]) -> None:
    """Draw the curve of a layer's unit: zero as a line, the shown token as a dot, the range in numbers."""
    theme = canvas.theme
    if state.time.at is None:
        return
    tokens, values = store.history(state.time.at.turn, state.pane.site, *place)
    chart = Box(box.x, box.y, box.width, max(1, box.height - LEGEND))
    canvas.fill(chart, theme.background, 3)
    if not values:
        return
    axes = Axes(chart.inset(6, 8), tokens[0], tokens[-1], min(values), max(values))
    zero = axes.at(tokens[0], 0.0)[1]
    canvas.line((chart.x + 6, zero), (chart.right - 6, zero), theme.line)
    shown = thinned(values, max(1, axes.box.width))
    canvas.curve([axes.at(tokens[index], values[index]) for index in shown], theme.text)
    here = bisect_left(tokens, state.time.at.token)
    if here < len(tokens) and tokens[here] == state.time.at.token:
        canvas.dot(axes.at(tokens[here], values[here]), 4, theme.accent)
    legend = Box(box.x, chart.bottom, box.width, LEGEND)
    span = f"{words.number(axes.low)} to {words.number(axes.high)}"
    used = canvas.text(legend, span, face="mono", colour=theme.dim)
    rest = Box(legend.x + used + UNIT, legend.y, max(0, legend.width - used - UNIT), LEGEND)
    canvas.text(rest, f"turn {state.time.at.turn}", colour=theme.dim, align="right")


def thinned(values: list[float], pixels: int) -> list[int]:
    """Return the indices to draw: all, or the lowest and highest of each pixel's where they are too many."""
    if len(values) <= POINTS_A_PIXEL * pixels:
        return list(range(len(values)))
    each = -(-len(values) // pixels)
    parts = (range(start, min(start + each, len(values))) for start in range(0, len(values), each))
    ends = ({min(part, key=values.__getitem__), max(part, key=values.__getitem__)} for part in parts)
    return [index for pair in ends for index in sorted(pair)]
