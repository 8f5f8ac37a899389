"""What ablating does to the next token: how far its distribution moves, and which tokens gain and lose."""

import math
from collections.abc import Sequence

from llmri_look import words
from llmri_protocol.messages import Shift
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.values.influence_map import KL_FLOOR, measured

ROW = 18
NUMBERS = 17 * UNIT
ARROW = "\N{RIGHTWARDS ARROW}"
LEAST = 0.0005  # of probability: less than the numbers show
NO_SHIFT = "No token's probability changes by 0.1 % or more."
NOT_CAUSAL = (
    "Firing together is no cause: ablating the selection may change nothing here. Measured by ablating, this "
    "map shows what the model itself does."
)


def draw(canvas: Canvas, box: Box, state: ViewState) -> None:
    """Draw the effect where it was measured, else say what these colours are not."""
    theme = canvas.theme
    found = measured(state)
    canvas.text(box.row(0, ROW + 4), "Next token", face="bold")
    if found is None:
        canvas.paragraph(
            Box(box.x, box.y + ROW + 6, box.width, box.height - ROW - 6), NOT_CAUSAL, ROW, colour=theme.dim
        )
        return
    answer = found[1]
    apart = f"KL {words.nats(answer.kl)}" if abs(answer.kl) >= KL_FLOOR else f"KL below {KL_FLOOR:.0e}"
    canvas.text(box.row(0, ROW + 4), f"{apart} nats", face="mono", align="right")
    top = ROW + 6
    rows = max(0, (box.height - top) // ROW - 3)
    gains, losses = (
        [shift for shift in shifts if abs(math.exp(shift.after) - math.exp(shift.before)) >= LEAST]
        for shifts in (answer.gains, answer.losses)
    )
    if not gains and not losses:
        canvas.paragraph(Box(box.x, box.y + top, box.width, 2 * ROW), NO_SHIFT, ROW, colour=theme.dim)
        return
    gains, losses = gains[: (rows + 1) // 2], losses[: rows // 2]
    top += _shifts(canvas, box, top, "becomes likelier", gains)
    _shifts(canvas, box, top + ROW // 2, "becomes less likely", losses)


def _shifts(canvas: Canvas, box: Box, top: int, title: str, shifts: Sequence[Shift]) -> int:
    """Write tokens with their probabilities before and after; give the height taken."""
    theme = canvas.theme
    if not shifts:
        return 0
    canvas.text(box.row(top, ROW), title, colour=theme.dim)
    for number, shift in enumerate(shifts, start=1):
        row = box.row(top + number * ROW, ROW)
        text = Box(row.x, row.y, row.width - NUMBERS - UNIT, row.height)
        canvas.text(text, words.token(shift.text), face="mono")
        place = Box(row.right - NUMBERS, row.y, NUMBERS, row.height)
        both = f"{words.percent(shift.before):>7} {ARROW} {words.percent(shift.after):>7}"
        canvas.text(place, both, face="mono", align="right")
    return (1 + len(shifts)) * ROW
