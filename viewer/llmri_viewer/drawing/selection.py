"""The side panel's first part: the selected units and how the first of them went over the turn."""

from llmri_viewer import edit_words, words
from llmri_viewer.drawing import sparkline
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, mark
from llmri_viewer.drawing.section import HEADING, heading
from llmri_viewer.effects import effect
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore

ROW = 22
ROWS = 3
HEIGHT = HEADING + ROW * ROWS + sparkline.LEAST + ROW + 2 * UNIT


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw values, sparkline and the boost amount."""
    body = heading(canvas, box, "Selection", _summary(state), first=True)
    amount = Box(body.x, box.bottom - ROW - UNIT // 2, body.width, ROW)
    canvas.text(amount, "boost amount", colour=canvas.theme.dim)
    canvas.text(amount, words.factor(state.amount), face="mono", align="right")
    places = sorted(state.selection, key=lambda place: (place[0] != state.layer, place))
    if not places:
        canvas.text(body.row(0, ROW), "Click a unit to see its value", colour=canvas.theme.dim)
        canvas.text(body.row(ROW, ROW), "and its history; B boosts, X ablates.", colour=canvas.theme.dim)
        return
    shown = places if len(places) <= ROWS else places[: ROWS - 1]
    for number, place in enumerate(shown):
        _unit(canvas, body.row(number * ROW, ROW), state, store, place)
    if len(shown) < len(places):
        rest = body.row(len(shown) * ROW, ROW)
        canvas.text(rest, f"and {len(places) - len(shown)} more", colour=canvas.theme.dim)
    top = body.y + ROW * min(len(places), ROWS) + UNIT // 2
    sparkline.draw(canvas, Box(body.x, top, body.width, amount.y - top - UNIT), state, store, places[0])


def _summary(state: ViewState) -> str:
    if not state.selection:
        return ""
    layers = len({layer for layer, _ in state.selection})
    units = words.count(len(state.selection), "unit")
    return units if layers == 1 else f"{units} in {layers} layers"


def _unit(canvas: Canvas, row: Box, state: ViewState, store: ScanStore, place: tuple[int, int]) -> None:
    """Write one unit: where, its edit's mark, and its value at the shown token."""
    layer, unit = place
    values = store.row(state.at, state.site, layer)
    known = values is not None and unit < values.size
    value = words.number(float(values[unit])) if values is not None and known else "no scan"
    theme = canvas.theme
    ink = theme.text if layer == state.layer else theme.dim
    used = canvas.text(
        Box(row.x, row.y, row.width // 2, row.height), f"layer {layer}  unit {unit}", colour=ink
    )
    edit = state.standing.units.get((state.site, layer, unit))
    if edit is not None:
        done = effect(edit)
        tint = edit_colour(canvas.theme, done)
        x = row.x + used + 2 * UNIT
        mark(canvas, (x, row.y + row.height // 2), 4, done, tint)
        canvas.text(Box(x + UNIT + 2, row.y, 6 * UNIT, row.height), edit_words.amount(edit), colour=tint)
    canvas.text(Box(row.right - 11 * UNIT, row.y, 11 * UNIT, row.height), value, face="mono", align="right")
