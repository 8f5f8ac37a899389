"""A spectrum's curve as an image: drawing lines would take long where they go up and down at every pixel."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_viewer.colours.theme import Colour, Theme, blend
from llmri_viewer.drawing.charts import axes
from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.layout.geometry import Box
from llmri_viewer.spectrum.spectra import Curve

CLIPPED_AT, HEADROOM = 99.0, 1.25  # the percentile, and how far above it the axis goes
DECADES = 3.0  # a logarithmic axis shows at most
SHADES = 16  # from none to all of a pixel
ROWS = 32  # worked out at once: what fits the processor's cache is done in a third of the time
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


@lru_cache(maxsize=4)
def vertical(curve: Curve, box: Box, *, log: bool, clip: bool) -> Axis:
    """Give the axis of amplitudes, up to a round number above the peak or, clipped, the usual ones."""
    most = float(curve.amplitudes.max())
    usual = HEADROOM * float(np.percentile(curve.amplitudes, CLIPPED_AT))
    top = axes.above(max(min(most, usual) if clip else most, curve.flat, 1e-12))
    if not log:
        return Axis(0.0, top, box.bottom - 1, box.y)
    least = max(float(np.percentile(curve.amplitudes, 1)), top / 10**DECADES)
    return Axis(min(least, top / 10), top, box.bottom - 1, box.y, log=True)


@lru_cache(maxsize=4)
def peaks(graph: Graph) -> Ints:
    """Give the strongest frequency of each pixel in sight that has one, and one more at either side."""
    pixels = np.floor(graph.across.pixels(graph.curve.frequencies)).astype(np.intp)
    first = max(0, int(np.searchsorted(pixels, graph.across.start)) - 1)
    last = min(len(pixels), int(np.searchsorted(pixels, graph.across.end)) + 1)
    order = first + np.lexsort((graph.curve.amplitudes[first:last], pixels[first:last]))
    return order[np.flatnonzero(np.diff(pixels[order], append=np.iinfo(np.intp).max))]


def points(graph: Graph) -> tuple[Floats, Floats]:
    """Give where the peaks stand, in pixels across and down, `[peaks]` each."""
    found = peaks(graph)
    across = graph.across.pixels(graph.curve.frequencies[found])
    return across, graph.up.pixels(graph.curve.amplitudes[found])


@lru_cache(maxsize=2)
def image(graph: Graph) -> npt.NDArray[np.uint8]:
    """Give the shade of each pixel, `[rows, columns]`: how much of it the line covers, and more under it."""
    box, (places, heights) = graph.box, points(graph)
    y = np.interp(np.arange(box.x, box.right + 1), places, heights, left=np.nan, right=np.nan) - box.y
    upper = (np.minimum(y[:-1], y[1:]) - THICK / 2).astype(np.float32)
    lower = (np.maximum(y[:-1], y[1:]) + THICK / 2).astype(np.float32)
    middle, unknown = (upper + lower) / 2, np.isnan(lower)
    upper[unknown], lower[unknown] = np.inf, -np.inf  # nothing of the line, and nothing under it
    image = np.empty((box.height, box.width), np.uint8)
    for first in range(0, box.height, ROWS):
        part = image[first : first + ROWS]
        rows = np.arange(first, first + len(part), dtype=np.float32)[:, None]
        covered = np.minimum(rows + 1, lower)
        covered -= np.maximum(rows, upper)
        np.clip(covered, 0, 1, out=covered)
        covered *= np.float32(SHADES - 1)
        covered += np.float32(0.5)
        part[:] = covered
        part += (rows >= middle) * np.uint8(SHADES)
    return image


@lru_cache(maxsize=4)
def shades(theme: Theme) -> tuple[Colour, ...]:
    """Give the colours of the shades: over the ground, and over what is tinted under the line."""
    tint = blend(theme.text, theme.panel, FILL)
    shares = [shade / (SHADES - 1) for shade in range(SHADES)]
    return tuple(blend(theme.text, ground, share) for ground in (theme.panel, tint) for share in shares)
