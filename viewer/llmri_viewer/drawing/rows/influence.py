"""The influence map, drawn: what ablating does to every later layer and to the next token."""

import math
from functools import lru_cache, partial

import numpy as np

from llmri_look import words
from llmri_look.colours import colour
from llmri_look.colours.colour import Bytes, Scale
from llmri_look.colours.theme import Theme
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import colour_bar, unit_ticks
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.rows import bands as around
from llmri_viewer.drawing.rows import norms, shifts
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.columns import Columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.all_layers import Bands
from llmri_viewer.views.influence import InfluenceView, parts
from llmri_viewer.views.picture import Picture
from llmri_viewer.views.values.influence_map import (
    FLOOR,
    KL_FLOOR,
    InfluenceMap,
    ablated_in,
    influence_map,
    measured,
)

VIEW = InfluenceView()
LEAST = 1e-9  # of a scale's ends
BEFORE = "comes before what was ablated"
NOTHING = (
    f"nothing measurable was caused: no other unit changed by {FLOOR:g} standard deviations, and the next "
    f"token's KL is below {KL_FLOOR:.0e}",
    f"nothing measurable was caused (less than {FLOOR:g} standard deviations, KL below {KL_FLOOR:.0e})",
    "nothing measurable was caused",
)
HATCH = 5  # pixels from one line of a hatching to the next


def draw(
    canvas: Canvas, state: ViewState, store: ScanStore, _picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it."""
    found, columns = influence_map(state, store), VIEW.columns(state)
    places = parts(state)
    if found is None or columns is None:
        waiting.say(
            canvas,
            places.stage if state.measurements.pending else window_parts.of(state.window.size).view,
            *why(),
        )
        waiting.measurement(canvas, places.note, state, "influence", "")
        return
    note, warns = _note(canvas, places.note.width, state, found)
    waiting.measurement(canvas, places.note, state, "influence", note, warns=warns)
    _map(canvas, state, found, columns)
    bands = VIEW.bands(state)
    norms.draw(canvas, places.norms._replace(x=bands.box.right + UNIT), bands, found)
    if places.effects is not None:
        shifts.draw(canvas, places.effects, state)
    _bar(canvas, state, store, found)


def _note(canvas: Canvas, room: int, state: ViewState, found: InfluenceMap) -> tuple[str, bool]:
    """Say what is shown, and whether it is of something else than is selected now."""
    answer = measured(state)
    if answer is None:
        site = state.site_card
        if site is not None and not site.editable:
            return (
                f"{site.name} cannot be edited, so nothing was measured: this is what fires together",
                False,
            )
        return (
            "not measured: this is what fires together; {influence.measure} measures what ablating does",
            False,
        )
    if state.selection.units and ablated_in(answer[0]) != state.selection.units:
        return "measured for another selection; {influence.measure} measures this one", True
    if found.nothing:
        return canvas.fitting(NOTHING, room) or NOTHING[-1], True
    count = words.count(len(found.ablated), "unit")
    over = f"{count} ablated, over the {words.count(answer[1].positions, 'token')} up to"
    if answer[0].at == state.time.at:
        return f"{over} the shown one", False
    at = f"turn {answer[0].at.turn}, token {answer[0].at.token}" if answer[0].at else "another"
    return f"{over} {at}; {{influence.measure}} measures at the shown one", False


def _bar(canvas: Canvas, state: ViewState, store: ScanStore, found: InfluenceMap) -> None:
    """Draw the colours of the map with their values and what these are."""
    colour_bar.draw(
        canvas,
        window_parts.of(state.window.size).bar,
        colour.table(found.colour_map, canvas.theme.name),
        found.scale,
        (_legend(state, store, found), found.colour_map),
        number=partial(_number, found.scale),
        ink=canvas.theme.text,
    )


def _number(scale: Scale, value: float) -> str:
    """Return a value of a scale with as many digits as its width needs, and a sign where it has both."""
    digits = max(2, 1 - math.floor(math.log10(max(abs(scale.low), abs(scale.high), LEAST))))
    return f"{value:{'+' if scale.low < 0 < abs(value) else ''}.{digits}f}"


def _legend(state: ViewState, store: ScanStore, found: InfluenceMap) -> str:
    over = words.count(found.tokens, "token")
    if found.causal:
        kind = "fixed" if state.look.fixed else "automatic"
        return f"causal: change when ablated, {kind} scale, in standard deviations of each unit over {over}"
    chosen = words.count(len(state.selection.units), "selected unit")
    turn = store.turns.get(state.time.at.turn) if state.time.at else None
    changed = ", whose edits changed" if turn is not None and turn.passes.changes.size else ""
    return f"co-activation, not causal: correlation with {chosen} over {over} of this turn{changed}"


def _map(canvas: Canvas, state: ViewState, found: InfluenceMap, columns: Columns) -> None:
    bands = VIEW.bands(state)
    canvas.clip(VIEW.stage(state).inset(-1))
    canvas.picture(_colours(found, columns, canvas.theme), bands.box)
    for layer in range(bands.layers if bands.lane else 0):
        canvas.fill(bands.lane_of(layer), canvas.theme.background)
    around.bounds(canvas, bands)
    for layer in range(bands.layers):
        around.marks(canvas, state, columns, bands, layer)
        if found.causal:
            _ablated(canvas, found, columns, bands, layer)
    before = np.flatnonzero(np.isnan(found.rows).all(axis=1))
    if before.size and bands.pitch >= around.LABEL:
        row = bands.row(int(before[before.size // 2]))
        canvas.text(row, BEFORE, colour=canvas.theme.dim, align="centre")
    around.protected(canvas, state, columns, bands)
    canvas.clip(None)
    around.labels(canvas, state, VIEW.stage(state), bands)
    around.axis(canvas, state, bands)


def _ablated(canvas: Canvas, found: InfluenceMap, columns: Columns, bands: Bands, layer: int) -> None:
    """Hatch the units that were ablated, and frame them in the colour of what is off: they show no effect."""
    row = bands.row(layer)
    for start, end in unit_ticks.selected(found.ablated, layer, columns):
        place = unit_ticks.place_of(row, start, end)
        hatch(canvas, place)
        canvas.outline(place, canvas.theme.ablated)


def hatch(canvas: Canvas, box: Box) -> None:
    """Draw slanting lines over a box, on the panel's ground."""
    canvas.fill(box, canvas.theme.panel)
    for foot in range(box.x - box.height, box.right, HATCH):
        first, last = max(box.x, foot), min(box.right, foot + box.height) - 1
        if first <= last:
            start, end = (first, box.bottom - 1 - (first - foot)), (last, box.bottom - 1 - (last - foot))
            canvas.line(start, end, canvas.theme.ablated)


@lru_cache(maxsize=2)
def _colours(found: InfluenceMap, columns: Columns, theme: Theme) -> Bytes:
    """Return the colour of each pixel, `[layers, pixels, 3]`; without a known value it is the panel's."""
    rows = columns.strongest(found.caused)
    painted = colour.paint(rows, found.scale, colour.table(found.colour_map, theme.name))
    painted[np.isnan(rows)] = theme.panel
    return painted


PAINTERS = {"influence": draw}
