"""The side panel's first part: the selected units of all layers, and how one went over the turn."""

import numpy as np

from llmri_look import edit_words, words
from llmri_look.edit_effects import effect_of
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import sparkline
from llmri_viewer.drawing.marks import edit_colour, faded, mark
from llmri_viewer.drawing.panels.section import HEADING, heading
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState, by_layer

Place = tuple[int, int]

ROW = 22
ROWS = 4
HEIGHT = HEADING + ROW * ROWS + sparkline.LEAST + ROW + 2 * UNIT


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
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
    sparkline.draw(canvas, Box(body.x, top, body.width, amount.y - top - UNIT), state, store, places[0])


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


def _unit(canvas: Canvas, row: Box, state: ViewState, store: ScanStore, place: Place) -> None:
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
