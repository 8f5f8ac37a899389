"""What a spectrum is taken of, over it: a bar a unit, or a line along the tokens."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from llmri_look.colours.theme import Colour
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import axes, unit_ticks
from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.drawing.marks import edit_colour
from llmri_viewer.model.layout.columns import Columns, columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.state import ViewState, by_layer
from llmri_viewer.views.spectral import AXIS, GUTTER, LINE
from llmri_viewer.views.values.signals import Signal

LANE = 5  # pixels over the bars, for marks
NUMBER = 16  # pixels between the numbers of values at least: a low chart has a scale, too
Floats = npt.NDArray[np.floating]


def over_units(canvas: Canvas, box: Box, state: ViewState, signal: Signal) -> None:
    """Draw each unit's value as a bar from zero, in order; selected and edited units in their colours."""
    seen = columns(len(signal.places), Reach(), box.width)
    values = seen.strongest(signal.values[:, 0])
    up = _up(canvas, box, values)
    inks, shown = _inks(canvas, box, state, signal, seen)
    canvas.levels(_bars(values, shown, up, box), inks, box)
    canvas.line((box.x, up.pixel(0)), (box.right - 1, up.pixel(0)), canvas.theme.line)
    place = "place in the layout" if state.look.by_layout else "unit"
    axes.across(canvas, box.row(box.height, AXIS), Axis(0, len(signal.places), box.x, box.right), place)


def _inks(
    canvas: Canvas, box: Box, state: ViewState, signal: Signal, seen: Columns
) -> tuple[list[Colour], npt.NDArray[np.uint8]]:
    """Mark units in the lane; give the colours, and which of them each pixel's bar has."""
    theme, lane = canvas.theme, Box(box.x, box.y - LANE, box.width, LANE)
    inks, shown = [theme.background, theme.dim], np.ones(box.width, np.uint8)
    places = np.full(max(state.width, int(signal.places.max()) + 1), -1)
    places[signal.places] = np.arange(len(signal.places))

    def placed(units: Iterable[int]) -> list[int]:
        return [place for unit in units if (place := int(places[unit])) >= 0]

    def inked(stretches: unit_ticks.Runs, ink: Colour) -> None:
        for start, end in stretches:
            shown[start:end] = len(inks)
        inks.append(ink)

    guarded = placed(by_layer(state.protected).get(state.pane.layer, ()))
    unit_ticks.draw(canvas, lane, unit_ticks.runs(seen, guarded), theme.warning)
    chosen = placed(by_layer(state.selection.units).get(state.pane.layer, ()))
    inked(unit_ticks.runs(seen, chosen), theme.accent)
    unit_ticks.draw(canvas, lane, unit_ticks.runs(seen, chosen), theme.accent)
    for kind, units in (
        unit_ticks.edited(state.later_edits, state.pane.site).get(state.pane.layer, {}).items()
    ):
        unit_ticks.draw_edits(canvas, lane, seen, {kind: placed(units)}, now=True)
    for kind, units in (
        unit_ticks.edited(state.shown_edits, state.pane.site).get(state.pane.layer, {}).items()
    ):
        inked(unit_ticks.runs(seen, placed(units)), edit_colour(theme, kind))
        unit_ticks.draw_edits(canvas, lane, seen, {kind: placed(units)})
    return inks, shown


def _bars(values: Floats, shown: npt.NDArray[np.uint8], up: Axis, box: Box) -> npt.NDArray[np.uint8]:
    """Return the bars as an image, `[rows, columns]`: the number of their colour, 0 beside them."""
    zero = up.pixel(0) - box.y
    ends = zero + values.astype(np.float64) / (up.high - up.low) * (up.end - up.start)
    beyond = float(box.height)
    tops = np.clip(np.nan_to_num(np.minimum(zero, ends), nan=beyond), 0, beyond).astype(np.int16)
    lasts = np.clip(np.nan_to_num(np.floor(np.maximum(zero, ends)), nan=-1), -1, beyond).astype(np.int16)
    rows = np.arange(box.height, dtype=np.int16)[:, None]
    inside: npt.NDArray[np.bool_] = (rows >= tops) & (rows <= lasts)
    bars: npt.NDArray[np.uint8] = inside.view(np.uint8) * shown
    return bars


def over_tokens(canvas: Canvas, box: Box, state: ViewState, signal: Signal, reach: Reach) -> None:
    """Draw the values at each token as a line, and where the shown token is."""
    values = level(signal)
    across = token_axis(signal, box, reach)
    up = _up(canvas, box, values)
    canvas.line((box.x, up.pixel(0)), (box.right - 1, up.pixel(0)), canvas.theme.line)
    steps = zip(signal.places.tolist(), values.tolist(), strict=True)
    points = [(across.pixel(place), up.pixel(value)) for place, value in steps]
    canvas.clip(box)
    canvas.curve(points, canvas.theme.text)
    cursor(canvas, box, state, across)
    canvas.clip(None)
    axes.across(canvas, box.row(box.height, AXIS), across, "token")


def level(signal: Signal) -> Floats:
    """Return one number a step, `[steps]`: the value of a single series, else the root mean square of all."""
    if signal.values.shape[1] == 1:
        return signal.values[:, 0]
    return np.asarray(np.sqrt(np.mean(signal.values.astype(np.float64) ** 2, axis=1)))


def token_axis(signal: Signal, box: Box, reach: Reach) -> Axis:
    """Return the axis of the tokens in sight; each token is in the middle of its stretch."""
    low, high = float(signal.places[0]) - 0.5, float(signal.places[-1]) + 0.5
    return Axis(low + reach.start * (high - low), low + reach.stop * (high - low), box.x, box.right)


def cursor(canvas: Canvas, box: Box, state: ViewState, across: Axis) -> None:
    """Show where the shown token is."""
    if state.time.at is not None and across.low <= state.time.at.token <= across.high:
        x = across.pixel(state.time.at.token)
        canvas.line((x, box.y), (x, box.bottom - 1), canvas.theme.accent)


def heading(canvas: Canvas, box: Box, text: str) -> None:
    """Write what the signal is, in the line over its box."""
    place = Box(box.x - GUTTER, box.y - LINE - LANE + 2, box.width + GUTTER, LINE - 2)
    canvas.text(place, text, colour=canvas.theme.dim)


def _up(canvas: Canvas, box: Box, values: Floats) -> Axis:
    """Draw the axis of the values, with zero in sight."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    axis = Axis(low, high if high > low else low + 1, box.bottom - 1, box.y)
    axes.up(canvas, Box(box.x - GUTTER, box.y, GUTTER, box.height), axis, NUMBER)
    return axis
