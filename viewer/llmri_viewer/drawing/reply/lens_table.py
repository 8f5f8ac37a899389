"""The logit lens as a table: a row a layer, its likeliest tokens tinted by their probability."""

import math

from llmri_look import words
from llmri_look.colours.theme import blend
from llmri_protocol.messages import Candidate, LensLayer, LogitLens
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.tokens import LensRows, leads_from, lens_rows

NUMBER = 4 * UNIT  # the layer's number
CAME, KL = 13 * UNIT, 9 * UNIT
CELL, CELL_MOST = 15 * UNIT, 22 * UNIT  # pixels of a cell, as it should be and at most
PERCENT_FROM = 14 * UNIT  # pixels of a cell, from which it has its number
TINT = 0.75  # of the accent, for a probability of one
COLUMNS_LEAST, COLUMNS = 3, 5


def draw(canvas: Canvas, state: ViewState, lens: LogitLens) -> None:
    """Draw the rows in sight."""
    rows = lens_rows(state)
    room = rows.box.width - NUMBER - CAME - KL - 2 * UNIT
    columns = max(COLUMNS_LEAST, min(COLUMNS, room // CELL))
    cell = max(1, min(CELL_MOST, room // columns))
    _head(canvas, rows, lens, columns * cell)
    leading = leads_from(lens)
    for layer in lens.layers[rows.first : rows.first + rows.count]:
        row = rows.row(layer.layer)
        if layer.layer == state.pane.layer:
            canvas.fill(
                Box(row.x, row.y, NUMBER - 4, row.height - 2),
                blend(canvas.theme.accent, canvas.theme.background, 0.25),
                2,
            )
        ink = canvas.theme.text if layer.layer in {leading, state.pane.layer} else canvas.theme.dim
        number = Box(row.x, row.y, NUMBER - UNIT, row.height - 2)
        canvas.text(number, str(layer.layer), face="mono", colour=ink, align="right")
        for place, candidate in enumerate(layer.top[:columns]):
            box = Box(row.x + NUMBER + place * cell, row.y, cell - 2, row.height - 2)
            _cell(canvas, box, candidate, came=lens.came is not None and candidate.id == lens.came.id)
        if layer.layer == leading:
            canvas.line(
                (row.x, row.y - 1), (row.x + NUMBER + columns * cell - 2, row.y - 1), canvas.theme.accent, 2
            )
        _numbers(canvas, Box(row.x + NUMBER + columns * cell, row.y, CAME + KL + UNIT, row.height - 2), layer)


def _head(canvas: Canvas, rows: LensRows, lens: LogitLens, width: int) -> None:
    theme, head = canvas.theme, rows.head
    canvas.text(
        Box(head.x + NUMBER, head.y, width, head.height), "likeliest, tinted by probability", colour=theme.dim
    )
    left = head.x + NUMBER + width + UNIT
    if lens.came is not None:
        canvas.text(Box(left, head.y, CAME, head.height), "what came", colour=theme.dim, align="right")
    canvas.text(Box(left + CAME, head.y, KL, head.height), "KL, nats", colour=theme.dim, align="right")


def _cell(canvas: Canvas, box: Box, candidate: Candidate, *, came: bool) -> None:
    """Draw a candidate; the token that came is framed."""
    theme = canvas.theme
    share = math.exp(min(candidate.logprob, 0.0))
    canvas.fill(box, blend(theme.accent, theme.panel, TINT * share), 3)
    inner = box.inset(4, 0)
    room = 0
    if box.width >= PERCENT_FROM:
        room = canvas.text(inner, words.percent(candidate.logprob), face="mono", align="right") + UNIT
    canvas.text(
        Box(inner.x, inner.y, inner.width - room, inner.height), words.token(candidate.text), face="mono"
    )
    if came:
        canvas.outline(box, theme.text, 1, 3)


def _numbers(canvas: Canvas, box: Box, layer: LensLayer) -> None:
    """Write the rank and the probability of the token that came, and how far the layer is from the last."""
    theme = canvas.theme
    if layer.rank is not None and layer.logprob is not None:
        place = Box(box.x + UNIT, box.y, CAME, box.height)
        ink = theme.text if layer.rank == 0 else theme.dim
        said = f"{words.percent(layer.logprob)} #{layer.rank + 1:<4}"
        canvas.text(place, said, face="mono", colour=ink, align="right")
    place = Box(box.right - KL, box.y, KL, box.height)
    canvas.text(place, f"{layer.kl:.2f}", face="mono", colour=theme.dim, align="right")
