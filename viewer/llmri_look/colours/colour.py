"""From activations to colours: windows, scales and tables, numpy in and numpy out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import cast, get_args

import cmap
import numpy as np
import numpy.typing as npt

from llmri_look.colours.oklab import oklab, srgb
from llmri_look.colours.theme import THEMES, ColourMapName, ThemeName

Floats = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]
Part = tuple[str, float, float]  # of a table: its name, and from where to where

LEVELS = 251
"""Colours of a map. They leave an 8-bit picture five of its 256 for what is no value, and the colour bar
shows the same ones, so that nothing drawn can be told apart that the bar does not. The number is odd: zero
has a level of its own in a diverging map."""
UNKNOWN = LEVELS
"""The level of NaN."""
LOG_DECADES = 2.0  # the logarithmic scale is linear below the largest magnitude over 10**2
LEAST_SPAN = 1e-12  # a window this narrow shows nothing but noise; it keeps the arithmetic finite
LEAST_SHARE = 1e-3  # of the values' size: float32 tells no more apart
SIMPLE_SIZE, SIMPLE_SPAN = 1e37, 1e-30  # of a window's ends at most, and between them at least, for float32
SIMPLE_SHARE = 1e-4  # of the ends' size that a window has at least for float32 to place values in it
MOST = 2 * float(np.finfo(np.float32).max)  # that a window is wide
FINE = 2048  # places of a table that are looked at to find a lightness
CLIP_PERCENT = (1.0, 99.0)
NAMES: tuple[ColourMapName, ...] = get_args(ColourMapName)
DIVERGING = ("blue-amber", "coolwarm")
# As cmap brings them: viridis and magma (van der Walt and Smith, 2015), cividis (Nuñez, Anderton and Renslow,
# 2018), coolwarm (Moreland, 2009).
TABLES: Mapping[ColourMapName, str] = MappingProxyType(
    {
        "coolwarm": "matplotlib:coolwarm",
        "viridis": "bids:viridis",
        "magma": "bids:magma",
        "cividis": "cividis",
        "grey": "gray",
    }
)
# Blue below zero and amber above, and the lightness at both ends: a table (or half of a diverging one) for
# each side, taken from the theme's ground outward in equal steps of lightness. No library's diverging map
# begins at our grounds without levels that look the same, and goes without green and red: those mean edits.
BLUE_AMBER: Mapping[ThemeName, tuple[Part, Part, float]] = MappingProxyType(
    {
        "dark": (("cmasher:arctic", 0, 1), ("matlab:copper", 0, 1), 0.86),
        "light": (("colorbrewer:blues", 0, 1), ("colorbrewer:puor", 0.5, 0), 0.45),
    }
)
# The original viewer's: from blue to red without a turning point. Libraries have only maps that pass through
# white, which are diverging, or through green.
ENERGY = ("#101c6b", "#3a4fe0", "#9a4fd8", "#e0487c", "#ff2a1f")


@dataclass(frozen=True)
class Scale:
    """Which values span the colours, from `low` to `high`.

    `magnitude` shows absolute values; `log` spreads small ones: sign(x) log(1 + |x| / t), where t is
    a hundredth of the largest magnitude in the window.
    """

    low: float
    high: float
    log: bool = False
    magnitude: bool = False

    @property
    def threshold(self) -> float:
        """Where the logarithmic scale turns linear."""
        return max(abs(self.low), abs(self.high), 1e-300) / 10**LOG_DECADES

    @property
    def simple(self) -> bool:
        """Whether float32 has room enough for the arithmetic of placing values in this window."""
        size, span = max(abs(self.low), abs(self.high)), self.high - self.low
        return size <= SIMPLE_SIZE and span >= max(SIMPLE_SPAN, SIMPLE_SHARE * size)

    def forward(self, values: Floats) -> Floats:
        """Bring values to where they lie on the scale, before the window is taken."""
        if not self.log and not self.magnitude:
            return values
        sizes: Floats = np.abs(values)
        if self.magnitude:
            values = sizes
        if not self.log:
            return values
        with np.errstate(over="ignore"):  # what is so far beyond the window is clipped anyway
            logs: Floats = np.copysign(np.log1p(sizes / self.threshold), values)
        return logs

    def position(self, values: Floats) -> Floats:
        """Return the place of values in the colours, 0 to 1; what lies outside is clipped."""
        low, high = self.forward(np.asarray([self.low, self.high], np.float64)).tolist()
        span = high - low if high > low else LEAST_SPAN
        places: Floats = (np.clip(self.forward(values.astype(np.float64)), low, max(low, high)) - low) / span
        return places

    def value(self, position: float) -> float:
        """Return the value at a place in the colours: `position` the other way round."""
        low, high = (float(edge) for edge in self.forward(np.asarray([self.low, self.high])))
        at = low + position * (high - low)
        return float(np.copysign(np.expm1(abs(at)) * self.threshold, at)) if self.log else at


def window(values: Floats, name: ColourMapName, *, log: bool, clip: bool) -> Scale:
    """Choose the scale for values that a map shall show, from their extremes or percentiles.

    A diverging map gets equal ends, so that its middle is zero; `energy` starts at zero.
    """
    finite = values[np.isfinite(values)]
    if name == "energy":
        finite = np.abs(finite)
    if finite.size == 0:
        low, high = 0.0, 1.0
    elif clip:
        low, high = percentiles(finite, CLIP_PERCENT).tolist()
    else:
        low, high = float(finite.min()), float(finite.max())
    if name in DIVERGING:
        high = max(abs(low), abs(high), LEAST_SPAN)
        low = -high
    if name == "energy":
        low = 0.0
    return Scale(low, max(high, low + max(LEAST_SPAN, LEAST_SHARE * abs(low))), log, name == "energy")


def percentiles(values: Floats, percent: tuple[float, float], axis: int | None = None) -> Floats:
    """Return percentiles of finite values; in double precision where they lie too far apart for their own."""
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = np.percentile(values, percent, axis=axis)
    return found if np.isfinite(found).all() else np.percentile(values.astype(np.float64), percent, axis=axis)


def levels(values: Floats, scale: Scale) -> Bytes:
    """Return the level of each value, 0 to 250: any shape in, that shape out; `UNKNOWN` for NaN."""
    if not scale.simple:
        places = np.round(scale.position(values) * (LEVELS - 1))
        return np.where(np.isnan(places), UNKNOWN, places).astype(np.uint8)
    low, high = (float(edge) for edge in scale.forward(np.asarray([scale.low, scale.high], np.float32)))
    step = max(high - low, 1e-30) / (LEVELS - 1)
    # A picture may have a million values, and memory is what takes the time: few passes, in place after one.
    places = np.clip(scale.forward(values), np.float32(low), np.float32(high))
    places -= np.float32(low - step / 2)
    places *= np.float32(1 / step)
    try:
        with np.errstate(invalid="raise"):  # NaN has no integer, which numpy notices as it converts
            return places.astype(np.uint8)
    except FloatingPointError:
        places[np.isnan(places)] = UNKNOWN
        return places.astype(np.uint8)


def paint(values: Floats, scale: Scale, table: Bytes) -> Bytes:
    """Return the colours of values: any shape in, that shape and RGB out. NaN gets the lowest colour."""
    found = levels(values, scale)
    found[found == UNKNOWN] = 0
    return cast("Bytes", np.take(table, found, axis=0))


@cache
def table(name: ColourMapName, theme: ThemeName) -> Bytes:
    """Return a map's colours, `[251, 3]`; the middle of `blue-amber` is the theme's background."""
    if name == "energy":
        return _through(ENERGY)
    if name == "blue-amber":
        below, above, far = BLUE_AMBER[theme]
        ground = np.asarray(THEMES[theme].background, np.uint8)
        return np.vstack([_outward(below, ground, far)[::-1], ground, _outward(above, ground, far)])
    return _sampled(TABLES[name], np.linspace(0, 1, LEVELS))


def _sampled(name: str, places: npt.NDArray[np.float64]) -> Bytes:
    return np.round(np.asarray(cmap.Colormap(name)(places))[:, :3] * 255).astype(np.uint8)


def _outward(part: Part, ground: Bytes, far: float) -> Bytes:
    """Return a table's colours from a ground's lightness, left out, to another in equal steps, `[125, 3]`."""
    name, first, last = part
    places = np.linspace(first, last, FINE)
    light = oklab(_sampled(name, places))[:, 0]
    order = np.argsort(light, kind="stable")
    wanted = np.linspace(oklab(ground[None])[0, 0], far, LEVELS // 2 + 1)[1:]
    return _sampled(name, np.interp(wanted, light[order], places[order]))


def _through(colours: tuple[str, ...]) -> Bytes:
    """Interpolate between colours in OKLab, with equal steps between all neighbours."""
    stops = oklab([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(stops, axis=0), axis=1))])
    places = np.linspace(0, lengths[-1], LEVELS)
    return srgb(np.stack([np.interp(places, lengths, stops[:, axis]) for axis in range(3)], axis=1))
