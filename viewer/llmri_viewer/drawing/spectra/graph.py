"""A spectrum's curve as an image: drawing lines would take long where they go up and down at every pixel."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from llmri_look.colours.theme import Colour, Theme, blend
from llmri_viewer.drawing.charts import axes
from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.views.values.spectra import Curve

CLIPPED_AT, HEADROOM = 99.0, 1.25  # the percentile, and how far above it the axis goes
DECADES = 3.0  # a logarithmic axis shows at most
SHADES = 16  # from none to all of a pixel
GRID = 2 * SHADES  # the level of the grid's lines: the curve goes over them
ROWS = 128  # worked out at once: what fits the processor's cache takes less time
WITHIN = 1e-6  # pixels that a sum of fractions is off at most
THICK = 1.4  # pixels of the curve's line
FILL = 0.16  # of the curve's colour under it
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Graph:
    """A curve in a box, with its axes."""

    curve: Curve
    box: Box
    across: Axis
    up: Axis

    def scaled(self, scale: int) -> "Graph":
        """Return the graph on a screen with so many pixels for one, across and down."""
        box = Box(*(scale * part for part in self.box))
        return Graph(self.curve, box, self.across.scaled(scale), self.up.scaled(scale))


@lru_cache(maxsize=4)
def vertical(curve: Curve, box: Box, *, log: bool, clip: bool) -> Axis:
    """Return the axis of amplitudes, up to a round number above the peak or, clipped, the usual ones."""
    most = float(curve.amplitudes.max())
    usual = HEADROOM * float(np.percentile(curve.amplitudes, CLIPPED_AT))
    top = axes.above(max(min(most, usual) if clip else most, curve.flat, 1e-12))
    if not log:
        return Axis(0.0, top, box.bottom - 1, box.y)
    least = max(float(np.percentile(curve.amplitudes, 1)), top / 10**DECADES)
    return Axis(min(least, top / 10), top, box.bottom - 1, box.y, log=True)


@lru_cache(maxsize=4)
def peaks(graph: Graph) -> Ints:
    """Return the strongest frequency of each pixel in sight that has one, and one more at either side."""
    pixels = np.floor(graph.across.pixels(graph.curve.frequencies)).astype(np.intp)
    first = max(0, int(np.searchsorted(pixels, graph.across.start)) - 1)
    last = min(len(pixels), int(np.searchsorted(pixels, graph.across.end)) + 1)
    order = first + np.lexsort((graph.curve.amplitudes[first:last], pixels[first:last]))
    return order[np.flatnonzero(np.diff(pixels[order], append=np.iinfo(np.intp).max))]


def points(graph: Graph) -> tuple[Floats, Floats]:
    """Return where the peaks stand, in pixels across and down, `[peaks]` each."""
    found = peaks(graph)
    across = graph.across.pixels(graph.curve.frequencies[found])
    return across, graph.up.pixels(graph.curve.amplitudes[found])


@lru_cache(maxsize=2)
def image(graph: Graph, *, scale: int = 1, grid: bool = False) -> npt.NDArray[np.uint8]:
    """Return the shade of each pixel, `[rows, columns]`: how much of it the line covers, and more under it.

    `scale` is how many of the screen's pixels one of the graph's takes, across and down.
    """
    found = _curve(graph.scaled(scale), scale * THICK)
    if grid:
        for value in graph.across.ticks(axes.ROOM_ACROSS):
            left = scale * (int(graph.across.pixel(value) + WITHIN) - graph.box.x)
            _rule(found[:, left : left + scale])
        for value in graph.up.ticks(axes.ROOM_UP):
            top = scale * (int(graph.up.pixel(value) + WITHIN) - graph.box.y)
            _rule(found[top : top + scale])
    return found


def _rule(part: npt.NDArray[np.uint8]) -> None:
    """Draw a line of the grid in its part of the image, where nothing of the curve is."""
    part[part % SHADES == 0] = GRID


def _curve(graph: Graph, thick: float) -> npt.NDArray[np.uint8]:
    """Draw the line and what is under it, in whole shades: small integers take half the time of floats."""
    box, (places, heights) = graph.box, points(graph)
    y = np.interp(np.arange(box.x, box.right + 1), places, heights, left=np.nan, right=np.nan) - box.y
    most, far = SHADES - 1, box.height + 1
    small = np.dtype(np.int16 if most * (far + 1) <= np.iinfo(np.int16).max else np.int32)
    upper, lower = np.minimum(y[:-1], y[1:]) - thick / 2, np.maximum(y[:-1], y[1:]) + thick / 2
    unknown = np.isnan(lower)
    upper[unknown], lower[unknown] = far, -1  # nothing of the line, and nothing under it
    middle = np.where(unknown, far, (upper + lower) / 2)
    edges: npt.NDArray[Any] = np.round(most * np.clip([upper, lower, middle], -1, far)).astype(small)
    top, end, under = edges
    image = np.empty((box.height, box.width), np.uint8)
    for first in range(0, box.height, ROWS):
        part = image[first : first + ROWS]
        rows: npt.NDArray[Any] = np.arange(first, first + len(part), dtype=small)[:, None]
        rows *= most
        covered = np.minimum(rows + most, end)
        covered -= np.maximum(rows, top)
        np.maximum(covered, 0, out=covered)
        part[:] = covered
        part += (rows >= under).view(np.uint8) * np.uint8(SHADES)
    return image


@lru_cache(maxsize=4)
def shades(theme: Theme) -> tuple[Colour, ...]:
    """The colours of the shades: over the ground, and over what is tinted under the line; the grid's."""
    tint = blend(theme.text, theme.panel, FILL)
    shares = [shade / (SHADES - 1) for shade in range(SHADES)]
    return (
        *(blend(theme.text, ground, share) for ground in (theme.panel, tint) for share in shares),
        theme.line,
    )
