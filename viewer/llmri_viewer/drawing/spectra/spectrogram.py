"""A spectrogram as an image: tokens across, frequencies up."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_look.colours import colour
from llmri_look.colours.colour import Bytes, Scale
from llmri_look.colours.theme import ColourMapName, ThemeName
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import axes, colour_bar
from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.drawing.spectra import spectral_signal
from llmri_viewer.drawing.spectra.spectrum import head, plain
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.spectral import AXIS, BAR, GUTTER, SpectrumParts
from llmri_viewer.views.values.signals import Signal
from llmri_viewer.views.values.spectra import Moving

CLIPPED_AT = 99.0
Ints = npt.NDArray[np.intp]


def draw(
    canvas: Canvas, parts: SpectrumParts, state: ViewState, signal: Signal, moving: Moving, *, said: str
) -> None:
    """Draw the image, its axes, the colour bar, and the reading under the pointer."""
    plot = parts.plot
    across = spectral_signal.token_axis(signal, plot, state.pane.reach)
    step = float(moving.frequencies[0])
    up = Axis(step / 2, float(moving.frequencies[-1]) + step / 2, plot.bottom, plot.y)
    scale = scale_of(moving, log=state.look.log, clip=state.look.clip)
    table = table_of(state.look.colour_map, canvas.theme.name)
    canvas.fill(plot, canvas.theme.panel)
    windows = windows_at(moving, across, plot)
    inside = np.flatnonzero(windows >= 0)
    if inside.size:
        colours = _colours(moving, scale, state.look.colour_map, canvas.theme.name)[::-1, windows[inside]]
        canvas.picture(colours, Box(plot.x + int(inside[0]), plot.y, inside.size, plot.height))
    canvas.clip(plot)
    if state.look.grid:
        axes.lines(canvas, plot, across, up)
    spectral_signal.cursor(canvas, plot, state, across)
    canvas.clip(None)
    axes.across(canvas, plot.row(plot.height, AXIS), across, "token")
    axes.up(canvas, Box(plot.x - GUTTER, plot.y, GUTTER, plot.height), up)
    axes.reach_bar(
        canvas, plot.row(plot.height + AXIS, BAR - 4), state.pane.reach.start, state.pane.reach.stop
    )
    head(canvas, parts.heading, said, _reading(state, plot, moving, windows))
    span = "up to the 99th percentile" if state.look.clip else "full range"
    kind = "log" if state.look.log else "linear"
    below = (f"amplitude, {kind}, {span} of this turn", state.look.colour_map)
    colour_bar.draw(canvas, window_parts.of(state.window.size).bar, table, scale, below, number=plain)


def scale_of(moving: Moving, *, log: bool, clip: bool) -> Scale:
    """Return the scale of the colours, from no amplitude on."""
    most = float(np.percentile(moving.amplitudes, CLIPPED_AT) if clip else moving.amplitudes.max())
    return Scale(0.0, max(most, 1e-12), log)


def table_of(name: ColourMapName, theme: ThemeName) -> Bytes:
    """Return the colours of amplitudes: of a diverging map the half above zero."""
    table = colour.table(name, theme)
    if name not in colour.DIVERGING:
        return table
    return np.asarray(table[np.linspace(colour.LEVELS // 2, colour.LEVELS - 1, colour.LEVELS).astype(int)])


def windows_at(moving: Moving, across: Axis, plot: Box) -> Ints:
    """Return the window that each pixel across shows, `[pixels]`; -1 where none does."""
    middles = moving.middles
    stride = float(middles[1] - middles[0]) if len(middles) > 1 else 1.0
    tokens = across.low + (np.arange(plot.width) + 0.5) / plot.width * (across.high - across.low)
    found = np.floor((tokens - middles[0]) / stride + 0.5).astype(np.intp)
    return np.where((found >= 0) & (found < len(middles)), found, -1)


@lru_cache(maxsize=2)
def _colours(moving: Moving, scale: Scale, name: ColourMapName, theme: ThemeName) -> Bytes:
    """Return the colours, `[frequencies, windows, 3]`."""
    return colour.paint(moving.amplitudes, scale, table_of(name, theme))


def _reading(state: ViewState, plot: Box, moving: Moving, windows: Ints) -> str:
    """Return what is under the pointer in words."""
    if state.window.pointer is None or not plot.holds(*state.window.pointer):
        return ""
    window = int(windows[int(state.window.pointer[0]) - plot.x])
    if window < 0:
        return "no whole window here"
    row = (plot.bottom - 1 - int(state.window.pointer[1])) * len(moving.frequencies) // plot.height
    frequency, amplitude = float(moving.frequencies[row]), float(moving.amplitudes[row, window])
    around = f"token {moving.middles[window]:g} {chr(177)} {moving.length // 2}"
    return f"{around}  {frequency:.4f} cycles  period {1 / frequency:.4g}  amplitude {plain(amplitude)}"
