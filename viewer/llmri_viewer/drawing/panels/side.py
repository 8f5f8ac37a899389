"""Parts of the side panel: the selected units and how one went over the turn; what might come next."""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from llmri_look import edit_words, words
from llmri_look.colours.theme import blend
from llmri_look.edit_effects import effect_of
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, faded, mark
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState, by_layer

HEADING = 30
CURVE_FOOT = 2 * UNIT + 2
CURVE_LEAST = 9 * UNIT
POINTS_A_PIXEL = 2  # the lowest and the highest value there
UnitOfLayer = tuple[int, int]

ROW = 22
ROWS = 4
SELECTION_HEIGHT = HEADING + ROW * ROWS + CURVE_LEAST + ROW + 2 * UNIT
CANDIDATE = 20
CANDIDATES = 10
CANDIDATES_HEIGHT = HEADING + CANDIDATE * CANDIDATES + UNIT
CANDIDATES_LEAST = HEADING + 2 * CANDIDATE
TEXT = 10 * UNIT
NUMBER = 8 * UNIT


def heading(canvas: Canvas, box: Box, title: str, note: str = "", *, first: bool = False) -> Box:
    """Write a heading with a note at its right end, under a line unless it is the first; give the body."""
    theme = canvas.theme
    row = box.inset(2 * UNIT, 0).row(0, HEADING)
    if not first:
        canvas.line((box.x + 2 * UNIT, box.y), (box.right - 2 * UNIT, box.y), theme.line)
    room = min(canvas.width(note), row.width * 2 // 3)
    canvas.text(Box(row.x, row.y, row.width - room - UNIT, row.height), title, face="bold")
    canvas.text(Box(row.right - room, row.y, room, row.height), note, colour=theme.dim, align="right")
    inside = box.inset(2 * UNIT, 0)
    return Box(inside.x, box.y + HEADING, inside.width, max(0, box.height - HEADING))


def selection(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw values, sparkline and the boost amount; of many units one, and how the others are by layer."""
    body = heading(canvas, box, "Selection", _summary(state), first=True)
    amount = Box(body.x, box.bottom - ROW - UNIT // 2, body.width, ROW)
    canvas.text(amount, "boost amount", colour=canvas.theme.dim)
    canvas.text(amount, words.factor(state.editing.amount), face="mono", align="right")
    places = sorted(state.selection.units, key=lambda place: (place[0] != state.pane.layer, place))
    if not places:
        text = "Click a unit to see its value and its history; {edit.boost} boosts, {edit.ablate} ablates."
        canvas.paragraph(body, canvas.spelled(text), ROW, colour=canvas.theme.dim)
        return
    alone = places if len(places) <= ROWS else places[:1]
    for number, place in enumerate(alone):
        _unit(canvas, body.row(number * ROW, ROW), state, store, place)
    if len(alone) < len(places):
        below = Box(body.x, body.y + ROW, body.width, (ROWS - 1) * ROW)
        _layers(canvas, below, state, store)
    top = body.y + ROW * min(len(places), ROWS) + UNIT // 2
    _curve(canvas, Box(body.x, top, body.width, amount.y - top - UNIT), state, store, places[0])


def _summary(state: ViewState) -> str:
    if not state.selection.units:
        return ""
    layers = len({layer for layer, _ in state.selection.units})
    units = words.count(len(state.selection.units), "unit")
    return units if layers == 1 else f"{units} in {layers} layers"


def _layers(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Write how many units are selected in each layer, and their mean size at the shown token."""
    theme = canvas.theme
    selected, room = by_layer(state.selection.units), box.height // ROW
    layers = sorted(selected, key=lambda layer: (layer != state.pane.layer, layer))
    shown = layers if len(layers) <= room else layers[: room - 1]
    for number, layer in enumerate(shown):
        row = box.row(number * ROW, ROW)
        ink = theme.text if layer == state.pane.layer else theme.dim
        units = words.count(len(selected[layer]), "unit")
        canvas.text(Box(row.x, row.y, row.width // 2, ROW), f"layer {layer}  {units}", colour=ink)
        value = _mean(store.row(state.time.at, state.pane.site, layer), selected[layer])
        canvas.text(
            Box(row.x + row.width // 2, row.y, row.width // 2, ROW), value, face="mono", align="right"
        )
    if len(shown) < len(layers):
        rest = box.row(len(shown) * ROW, ROW)
        canvas.text(rest, f"and {len(layers) - len(shown)} more layers", colour=theme.dim)


def _mean(row: Rows | None, units: tuple[int, ...]) -> str:
    """Return the mean absolute value of units."""
    known = [unit for unit in units if unit < row.size] if row is not None else []
    if row is None or not known:
        return "no scan"
    return f"mean |x| {float(np.abs(row[known]).mean()):.3f}"


def _unit(canvas: Canvas, row: Box, state: ViewState, store: ScanStore, place: UnitOfLayer) -> None:
    """Write one unit: where, its edit's mark, and its value at the shown token."""
    layer, unit = place
    values = store.row(state.time.at, state.pane.site, layer)
    known = values is not None and unit < values.size
    value = words.number(float(values[unit])) if values is not None and known else "no scan"
    theme = canvas.theme
    ink = theme.text if layer == state.pane.layer else theme.dim
    used = canvas.text(
        Box(row.x, row.y, row.width // 2, row.height), f"layer {layer}  unit {unit}", colour=ink
    )
    was = state.shown_units.get((state.pane.site, layer, unit))
    edit = was or state.later_units.get((state.pane.site, layer, unit))
    if edit is not None:
        done = effect_of(edit)
        tint = edit_colour(canvas.theme, done)
        tint = tint if was else faded(canvas.theme, tint)
        x = row.x + used + 2 * UNIT
        mark(canvas, (x, row.y + row.height // 2), 4, done, tint)
        canvas.text(Box(x + UNIT + 2, row.y, 6 * UNIT, row.height), edit_words.amount(edit), colour=tint)
    canvas.text(Box(row.right - 11 * UNIT, row.y, 11 * UNIT, row.height), value, face="mono", align="right")


@dataclass(frozen=True, eq=False)
class CurveAxes:
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


def _curve(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, place: tuple[int, int]) -> None:
    """Draw the curve of a layer's unit: zero as a line, the shown token as a dot, the range in numbers."""
    theme = canvas.theme
    if state.time.at is None:
        return
    tokens, values = store.history(state.time.at.turn, state.pane.site, *place)
    chart = Box(box.x, box.y, box.width, max(1, box.height - CURVE_FOOT))
    canvas.fill(chart, theme.background, 3)
    if not values:
        return
    axes = CurveAxes(chart.inset(6, 8), tokens[0], tokens[-1], min(values), max(values))
    zero = axes.at(tokens[0], 0.0)[1]
    canvas.line((chart.x + 6, zero), (chart.right - 6, zero), theme.line)
    shown = thinned(values, max(1, axes.box.width))
    canvas.curve([axes.at(tokens[index], values[index]) for index in shown], theme.text)
    here = bisect_left(tokens, state.time.at.token)
    if here < len(tokens) and tokens[here] == state.time.at.token:
        canvas.dot(axes.at(tokens[here], values[here]), 4, theme.accent)
    legend = Box(box.x, chart.bottom, box.width, CURVE_FOOT)
    span = f"{words.number(axes.low)} to {words.number(axes.high)}"
    used = canvas.text(legend, span, face="mono", colour=theme.dim)
    rest = Box(legend.x + used + UNIT, legend.y, max(0, legend.width - used - UNIT), CURVE_FOOT)
    canvas.text(rest, f"turn {state.time.at.turn}", colour=theme.dim, align="right")


def thinned(values: list[float], pixels: int) -> list[int]:
    """Return the indices to draw: all, or the lowest and highest of each pixel's where they are too many."""
    if len(values) <= POINTS_A_PIXEL * pixels:
        return list(range(len(values)))
    each = -(-len(values) // pixels)
    parts = (range(start, min(start + each, len(values))) for start in range(0, len(values), each))
    ends = ({min(part, key=values.__getitem__), max(part, key=values.__getitem__)} for part in parts)
    return [index for pair in ends for index in sorted(pair)]


def candidates(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the likeliest successors of the shown token; the one that came is bright."""
    turn = store.turns.get(state.time.at.turn) if state.time.at else None
    here = turn.tokens.get(state.time.at.token) if turn and state.time.at else None
    came = turn.tokens.get(state.time.at.token + 1) if turn and state.time.at else None
    body = heading(canvas, box, "Next token", f"after “{here.text}”" if here else "")
    if came is None or not came.top:
        given = "The next token was given, not chosen." if came is not None else "Not chosen yet."
        none = "No token is shown." if store.turns else "Nothing was said yet."
        canvas.text(body.row(0, CANDIDATE), given if here else none, colour=canvas.theme.dim)
        return
    for number, candidate in enumerate(came.top[: min(CANDIDATES, body.height // CANDIDATE)]):
        row = body.row(number * CANDIDATE, CANDIDATE)
        _candidate(canvas, row, candidate.text, candidate.logprob, chosen=candidate.id == came.id)


def _candidate(canvas: Canvas, row: Box, text: str, logprob: float, *, chosen: bool) -> None:
    """Draw one: its text, a bar as long as its probability, and the number."""
    theme = canvas.theme
    ink = theme.text if chosen else theme.dim
    canvas.text(Box(row.x, row.y, TEXT, row.height), words.token(text), colour=ink, face="mono")
    room = row.width - TEXT - NUMBER - 2 * UNIT
    bar = Box(row.x + TEXT + UNIT, row.y + 6, room, row.height - 12)
    canvas.fill(bar, theme.raised, 2)
    share = math.exp(min(logprob, 0.0))
    if share * room >= 1:
        tint = theme.accent if chosen else blend(theme.accent, theme.panel, 0.45)
        canvas.fill(Box(bar.x, bar.y, round(share * room), bar.height), tint, 2)
    number = Box(row.right - NUMBER, row.y, NUMBER, row.height)
    canvas.text(number, words.percent(logprob), colour=ink, face="mono", align="right")
