"""Axes: round numbers along an edge, linear or logarithmic."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT

HEIGHT = 3 * UNIT  # of ticks and their numbers
TICK = 4
ROOM_ACROSS, ROOM_UP = 9 * UNIT, 4 * UNIT  # pixels between ticks at least
ROUND = (1.0, 2.0, 5.0, 10.0)
EXPONENT_FROM, EXPONENT_BELOW = 1e5, 1e-4
EDGE = 1e-9  # of a step


@dataclass(frozen=True)
class Axis:
    """Values from `low` at the pixel `start` to `high` at the pixel `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def pixel(self, value: float) -> float:
        """Return where a value lies; what a logarithm cannot show lies at the low end."""
        low, high = self._forward(self.low), self._forward(self.high)
        share = (self._forward(max(value, self.low) if self.log else value) - low) / ((high - low) or 1.0)
        return self.start + share * (self.end - self.start)

    def pixels(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return where many values lie, as `pixel` does."""
        low, high = self._forward(self.low), self._forward(self.high)
        places = np.log10(np.maximum(values, self.low)) if self.log else values
        return self.start + (places - low) / ((high - low) or 1.0) * (self.end - self.start)

    def value(self, pixel: float) -> float:
        """Return the value at a pixel: `pixel` the other way round."""
        share = (pixel - self.start) / ((self.end - self.start) or 1.0)
        low, high = self._forward(self.low), self._forward(self.high)
        at = low + share * (high - low)
        return 10.0**at if self.log else at

    def ticks(self, room: float) -> tuple[float, ...]:
        """Return round values in sight, at least so many pixels apart."""
        most = max(1, int(abs(self.end - self.start) // room))
        if self.log and self.high / self.low >= 10:  # noqa: PLR2004 - a decade
            return decades(self.low, self.high, most)
        return ticks(self.low, self.high, most)

    def scaled(self, scale: float) -> "Axis":
        """Return the axis where so many pixels stand for one."""
        return replace(self, start=scale * self.start, end=scale * self.end)

    def _forward(self, value: float) -> float:
        return math.log10(value) if self.log else value


def step_of(low: float, high: float, most: int) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that makes so many steps at most."""
    span = max(high - low, 1e-300)
    scale = 10.0 ** math.floor(math.log10(span / most))
    return next(scale * part for part in ROUND if span / (scale * part) <= most * (1 + EDGE))


def ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return the multiples of a round step from low to high, as many as fit, `most + 1` at most."""
    if not high > low:
        return (low,)
    step = step_of(low, high, most)
    first, last = math.ceil(low / step - EDGE), math.floor(high / step + EDGE)
    return tuple(number * step for number in range(first, last + 1))


def decades(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return powers of ten from low to high, with twos and fives where they fit, or not each of them."""
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high) + EDGE)
    for parts in ((1.0, 2.0, 5.0), (1.0,)):
        found = [part * 10.0**power for power in range(first, last + 1) for part in parts]
        seen = tuple(value for value in found if low * (1 - EDGE) <= value <= high * (1 + EDGE))
        if len(seen) <= most + 1:
            return seen
    return seen[:: -(-len(seen) // most)]


def above(value: float) -> float:
    """Return the next round number, to end an axis with."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next(
        scale * part for part in (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0) if value <= scale * part
    )


def label(value: float, step: float) -> str:
    """Write a tick's number with as many digits as its step needs."""
    largest = max(abs(value), abs(step))
    if value == 0:
        return "0"
    if largest >= EXPONENT_FROM or largest < EXPONENT_BELOW:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.{max(0, -math.floor(math.log10(step) + EDGE))}f}"


def across(canvas: Canvas, box: Box, axis: Axis, title: str) -> None:
    """Draw an axis along the upper edge of a box, a row of numbers high, its title at the right end."""
    theme = canvas.theme
    room = canvas.width(title)
    canvas.text(
        Box(box.right - room, box.y + TICK, room, HEIGHT - TICK), title, colour=theme.dim, align="right"
    )
    found = axis.ticks(ROOM_ACROSS)
    step = found[1] - found[0] if len(found) > 1 else abs(axis.high - axis.low)
    for value in found:
        x, text = axis.pixel(value), label(value, step)
        if round(x) + canvas.width(text, "mono") // 2 >= box.right - room - UNIT:
            continue
        canvas.line((x, box.y), (x, box.y + TICK - 1), theme.dim)
        place = Box(round(x) - ROOM_ACROSS // 2, box.y + TICK, ROOM_ACROSS, HEIGHT - TICK)
        canvas.text(place, text, colour=theme.dim, face="mono", align="centre")


def up(canvas: Canvas, box: Box, axis: Axis, room: int = ROOM_UP) -> None:
    """Draw an axis along the right edge of a box, its numbers left of it, so many pixels apart at least."""
    theme = canvas.theme
    found = axis.ticks(room)
    for value in found:
        y = axis.pixel(value)
        canvas.line((box.right - TICK, y), (box.right - 1, y), theme.dim)
        step = _power(value) if axis.log else found[1] - found[0] if len(found) > 1 else value or 1.0
        place = Box(box.x, round(y) - UNIT, box.width - TICK - 2, 2 * UNIT)
        canvas.text(place, label(value, abs(step)), colour=theme.dim, face="mono", align="right")


def _power(value: float) -> float:
    return 10.0 ** math.floor(math.log10(value) + EDGE)


def lines(canvas: Canvas, box: Box, across_at: Axis, up_at: Axis) -> None:
    """Draw the lines of a grid at the ticks of both axes."""
    ink = canvas.theme.line
    for value in across_at.ticks(ROOM_ACROSS):
        x = across_at.pixel(value)
        canvas.line((x, box.y), (x, box.bottom - 1), ink)
    for value in up_at.ticks(ROOM_UP):
        y = up_at.pixel(value)
        canvas.line((box.x, y), (box.right - 1, y), ink)


def reach_bar(canvas: Canvas, box: Box, start: float, stop: float) -> None:
    """Show which part of a whole axis is in sight, as a thin bar; nothing where all is."""
    if stop - start >= 1:
        return
    canvas.fill(box, canvas.theme.raised, 1)
    left = box.x + round(start * box.width)
    canvas.fill(Box(left, box.y, max(3, round((stop - start) * box.width)), box.height), canvas.theme.dim, 1)
