"""How far the edited model is from the plain one at each token of the plain reply: bars with a scale."""

from llmri_look.colours.theme import blend
from llmri_protocol.messages import Comparison
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import axes
from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.views.compare import chart_of

TITLE = "token"
MEANING = "how far the edits move each choice of the reply without them: KL divergence, in nats"
PARTS = "; a line where the replies part"


def draw(canvas: Canvas, strip: Box, answer: Comparison, pointed: int | None) -> None:
    """Draw the divergence in nats; the first token that differs has a line through it."""
    theme, chart = canvas.theme, chart_of(strip)
    if not answer.kl:
        return
    count = len(answer.kl)
    high = Axis(0.0, axes.above(max(answer.kl)), chart.bottom - 1, chart.y)
    across = Axis(-0.5, count - 0.5, chart.x, chart.right)
    parted = answer.first_difference
    parts = PARTS if parted is not None and parted < count else ""
    canvas.text(strip.row(0, 2 * UNIT), MEANING + parts, colour=theme.dim)
    _scale(canvas, strip, chart, high)
    for number, value in enumerate(answer.kl):
        left, right = round(across.pixel(number - 0.5)), round(across.pixel(number + 0.5))
        top = round(high.pixel(value))
        tint = theme.text if number == pointed else blend(theme.accent, theme.background, 0.75)
        if top < chart.bottom - 1:
            canvas.fill(Box(left, top, max(1, right - left - 1), chart.bottom - top), tint)
    if parted is not None and parts:
        x = across.pixel(parted - 0.5)
        canvas.line((x, chart.y), (x, chart.bottom - 1), theme.text)
    axes.across(canvas, Box(chart.x, chart.bottom, chart.width, axes.HEIGHT), across, TITLE)


def _scale(canvas: Canvas, strip: Box, chart: Box, high: Axis) -> None:
    """Draw lines at zero, at the half and at the top, with their numbers left of them."""
    theme = canvas.theme
    for value in (0.0, high.high / 2, high.high):
        y = round(high.pixel(value))
        canvas.line((chart.x, y), (chart.right - 1, y), theme.line)
        place = Box(strip.x, y - UNIT, chart.x - strip.x - UNIT // 2, 2 * UNIT)
        canvas.text(place, f"{value:.3g}", colour=theme.dim, face="mono", align="right")
