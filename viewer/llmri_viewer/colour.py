"""From activations to colours: windows, scales and tables, numpy in and numpy out."""

from dataclasses import dataclass
from functools import cache
from typing import cast, get_args

import cmap
import numpy as np
import numpy.typing as npt

from llmri_viewer.options import ColourMapName, ThemeName

Floats = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]

LEVELS = 1024
LOG_DECADES = 2.0  # the logarithmic scale is linear below the largest magnitude over 10**2
LEAST_SPAN = 1e-12  # a window this narrow shows nothing but noise; it keeps the arithmetic finite
LEAST_SHARE = 1e-3  # of the values' size: float32 tells no more apart
CLIP_PERCENT = (1.0, 99.0)
NAMES: tuple[ColourMapName, ...] = get_args(ColourMapName)
DIVERGING = ("blue-amber", "coolwarm")
# Ends and middle of the maps of our own, as sRGB. No green and no red: those mean edits.
BLUE_AMBER = {
    "dark": ("#9adcff", "#2f8fe0", "#12171d", "#d9871c", "#ffdf9a"),
    "light": ("#0b3c7d", "#4f95d8", "#f7f7f5", "#e09a3c", "#7a3d00"),
}
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
        return max(abs(self.low), abs(self.high), 1e-30) / 10**LOG_DECADES

    def forward(self, values: Floats) -> Floats:
        """Bring values to where they lie on the scale, before the window is taken."""
        sizes: Floats = np.abs(values)
        if self.magnitude:
            values = sizes
        if not self.log:
            return values
        logs: Floats = np.copysign(np.log1p(sizes / self.threshold), values)
        return logs

    def position(self, values: Floats) -> Floats:
        """Give the place of values in the colours, 0 to 1; what lies outside is clipped."""
        low, high = self.forward(np.asarray([self.low, self.high], np.float32))
        span = max(float(high - low), 1e-30)
        places: Floats = np.clip((self.forward(values) - low) / np.float32(span), 0.0, 1.0)
        return places

    def value(self, position: float) -> float:
        """Give the value at a place in the colours: `position` the other way round."""
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
        low, high = (float(edge) for edge in np.percentile(finite, CLIP_PERCENT))
    else:
        low, high = float(finite.min()), float(finite.max())
    if name in DIVERGING:
        high = max(abs(low), abs(high), LEAST_SPAN)
        low = -high
    if name == "energy":
        low = 0.0
    return Scale(low, max(high, low + max(LEAST_SPAN, LEAST_SHARE * abs(low))), log, name == "energy")


def paint(values: Floats, scale: Scale, table: Bytes) -> Bytes:
    """Give the colours of values: any shape in, that shape and RGB out. NaN gets the lowest colour."""
    steps = np.nan_to_num(scale.position(values) * np.float32(LEVELS - 1))
    return cast("Bytes", np.take(table, (steps + np.float32(0.5)).astype(np.uint16), axis=0))


@cache
def table(name: ColourMapName, theme: ThemeName) -> Bytes:
    """Give a map's colours, `[1024, 3]`; the middle of `blue-amber` is the theme's background."""
    if name == "blue-amber":
        return _through(BLUE_AMBER[theme])
    if name == "energy":
        return _through(ENERGY)
    known = {"grey": "gray", "coolwarm": "matplotlib:coolwarm"}.get(name, name)
    colours = np.asarray(cmap.Colormap(known).lut(LEVELS))[:, :3]
    return np.round(colours * 255).astype(np.uint8)


def _through(colours: tuple[str, ...]) -> Bytes:
    """Interpolate between colours in OKLab, where equal steps look equal (Ottosson, 2020)."""
    stops = np.stack([_oklab(colour) for colour in colours])
    # Equal perceptual distance between neighbours, each half on its own, so that zero stays in the middle.
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(stops, axis=0), axis=1))])
    middle = len(colours) // 2
    left = lengths[: middle + 1] / lengths[middle] / 2
    right = 0.5 + (lengths[middle:] - lengths[middle]) / (lengths[-1] - lengths[middle]) / 2
    at = np.concatenate([left, right[1:]])
    places = np.linspace(0, 1, LEVELS)
    return srgb(np.stack([np.interp(places, at, stops[:, axis]) for axis in range(3)], axis=1))


# Ottosson (2020), "A perceptual color space for image processing": linear sRGB to LMS, LMS to OKLab.
LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


# sRGB (IEC 61966-2-1): below these, in sRGB and in linear light, the curve is a straight line.
ENCODED_KNEE, LINEAR_KNEE = 0.04045, 0.0031308


def _oklab(colour: str) -> npt.NDArray[np.float64]:
    rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(rgb <= ENCODED_KNEE, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return cast("npt.NDArray[np.float64]", LAB @ np.cbrt(LMS @ linear))


def srgb(lab: npt.NDArray[np.float64]) -> Bytes:
    """Give the sRGB colours of OKLab ones, `[colours, 3]`; what sRGB lacks is clipped."""
    linear = (np.linalg.inv(LMS) @ (np.linalg.inv(LAB) @ lab.T) ** 3).T.clip(0, 1)
    rgb = np.where(linear <= LINEAR_KNEE, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(rgb.clip(0, 1) * 255).astype(np.uint8)
