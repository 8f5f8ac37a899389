"""An amplitude spectrum as a curve, with what random order would give beside it."""

import numpy as np

from llmri_look import words
from llmri_viewer.drawing.canvas import Canvas, Point
from llmri_viewer.drawing.charts import axes
from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.drawing.spectra import graph
from llmri_viewer.drawing.spectra.graph import Graph
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import At
from llmri_viewer.views.spectral import AXIS, BAR, GUTTER, LINE, SpectrumParts
from llmri_viewer.views.values.signals import Signal
from llmri_viewer.views.values.spectra import Curve, step_of

DASH = 6
ARROW = 5  # pixels
PERIODS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


def draw(
    canvas: Canvas, parts: SpectrumParts, state: ViewState, signal: Signal, curve: Curve, *, said: str
) -> None:
    """Draw the curve, its axes, and the reading under the pointer; `said` names it."""
    plot, highest = parts.plot, 0.5 / step_of(signal)
    across = Axis(state.pane.reach.start * highest, state.pane.reach.stop * highest, plot.x, plot.right)
    shown = Graph(curve, plot, across, graph.vertical(curve, plot, log=state.look.log, clip=state.look.clip))
    canvas.levels(
        graph.image(shown, scale=canvas.scale, grid=state.look.grid), graph.shades(canvas.theme), plot
    )
    canvas.clip(plot)
    _arrows(canvas, shown)
    _dashes(canvas, plot, shown.up.pixel(curve.flat))
    canvas.clip(None)
    axes.across(canvas, plot.row(plot.height, AXIS), across, f"cycles per {signal.along}")
    axes.up(canvas, Box(plot.x - GUTTER, plot.y, GUTTER, plot.height), shown.up)
    axes.reach_bar(
        canvas, plot.row(plot.height + AXIS, BAR - 4), state.pane.reach.start, state.pane.reach.stop
    )
    _periods(canvas, plot, across)
    head(canvas, parts.heading, said, _reading(canvas, shown, state.window.pointer, signal.along))


def head(canvas: Canvas, box: Box, said: str, reading: str) -> None:
    """Write what the plot shows, as many clauses as fit, and at the right what is under the pointer."""
    room = canvas.width(reading, "mono") if reading else 0
    wide = Box(box.x - GUTTER, box.y, box.width + GUTTER, LINE - 2)
    canvas.text(Box(wide.right - room, wide.y, room, wide.height), reading, face="mono", align="right")
    rest = Box(wide.x, wide.y, max(0, wide.width - room - 2 * UNIT), wide.height)
    canvas.text(rest, canvas.fitting(words.clauses(said), rest.width) or said, colour=canvas.theme.dim)


def plain(value: float) -> str:
    """Return an amplitude without a sign."""
    return words.number(value).removeprefix("+")


def _periods(canvas: Canvas, plot: Box, across: Axis) -> None:
    """Write the periods that belong to frequencies, along the upper edge."""
    theme = canvas.theme
    row = Box(plot.x, plot.y - LINE, plot.width, LINE - 4)
    canvas.text(Box(plot.x - GUTTER, row.y, GUTTER - UNIT, row.height), "period", colour=theme.dim)
    left = float("inf")
    for period in PERIODS:
        x, text = across.pixel(1 / period), str(period)
        half = canvas.width(text, "mono") // 2 + 1
        end = round(x) + half
        if x < plot.x or end - 2 > plot.right + UNIT or end + UNIT > left:
            continue
        canvas.line((x, plot.y - 4), (x, plot.y - 1), theme.dim)
        place = Box(round(x) - half, row.y, 2 * half, row.height)
        canvas.text(place, text, colour=theme.dim, face="mono", align="centre")
        left = round(x) - half


def _arrows(canvas: Canvas, shown: Graph) -> None:
    """Point up where the curve leaves the plot."""
    top, (places, heights) = shown.box.y, graph.points(shown)
    for x in places[heights < top].tolist():
        corners: list[Point] = [(x - ARROW, top + ARROW), (x, top + 1), (x + ARROW, top + ARROW)]
        canvas.polygon(corners, canvas.theme.text)


def _dashes(canvas: Canvas, plot: Box, y: float) -> None:
    for x in range(plot.x, plot.right, 2 * DASH):
        canvas.line((x, y), (min(x + DASH, plot.right) - 1, y), canvas.theme.dim)


def _reading(canvas: Canvas, shown: Graph, pointer: At | None, thing: str) -> str:
    """Mark the frequency under the pointer, and give it in words, its amplitude against random order too."""
    plot = shown.box
    if pointer is None or not plot.holds(*pointer):
        return ""
    places, heights = graph.points(shown)
    nearest = int(np.abs(places - pointer[0]).argmin())
    x, y = float(places[nearest]), max(float(heights[nearest]), plot.y)
    if plot.x <= x < plot.right:
        canvas.line((x, plot.y), (x, plot.bottom - 1), canvas.theme.accent)
        canvas.dot((x, y), 4, canvas.theme.accent)
    curve, at = shown.curve, int(graph.peaks(shown)[nearest])
    frequency, amplitude = float(curve.frequencies[at]), float(curve.amplitudes[at])
    against = amplitude / curve.flat if curve.flat else 0.0
    return (
        f"{frequency:.4f} cycles  period {1 / frequency:.4g} {thing}s  "
        f"amplitude {plain(amplitude)} ({words.TIMES}{against:.2f})"
    )
