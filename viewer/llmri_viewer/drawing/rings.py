"""Rings as pixels with soft edges, whole or dashed."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from llmri_look.colours.theme import Colour

DASH, GAP = 7.0, 5.0  # pixels along the ring


class RingStyle(NamedTuple):
    """How an outline looks; `thick` is in pixels."""

    thick: float
    colour: Colour
    dashed: bool


@dataclass(frozen=True)
class Ring:
    """A ring in pixels, inside its radius."""

    x: float
    y: float
    radius: float
    style: RingStyle


def lay(sheet: npt.NDArray[np.uint8], ring: Ring) -> None:
    """Lay a ring over a sheet, `[rows, columns, 4]` of red, green, blue and opacity."""
    height, width, reach = sheet.shape[0], sheet.shape[1], ring.radius
    if not (-reach < ring.x < width + reach and -reach < ring.y < height + reach):
        return  # out of sight
    rows, columns, covered = _pixels(ring, height, width)
    under = sheet[rows, columns].astype(np.float32) / 255
    opacity = covered + under[:, 3] * (1 - covered)
    share = np.divide(covered, opacity, out=np.zeros_like(covered), where=opacity > 0)[:, None]
    ink = np.asarray(ring.style.colour, np.float32) / 255
    sheet[rows, columns, :3] = np.round(255 * (ink * share + under[:, :3] * (1 - share)))
    sheet[rows, columns, 3] = np.round(255 * opacity)


def _pixels(
    ring: Ring, height: int, width: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return the rows and columns a ring touches, each once, and the share of each that it covers."""
    along = np.arange(max(8, math.ceil(2 * math.pi * ring.radius * 1.5)))
    angle = along * (2 * math.pi / along.size)
    reach = np.arange(ring.radius - ring.style.thick - 1, ring.radius + 1.5, 0.7)
    columns = np.floor(ring.x + np.cos(angle)[:, None] * reach).astype(np.int32).ravel()
    rows = np.floor(ring.y + np.sin(angle)[:, None] * reach).astype(np.int32).ravel()
    seen = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
    flat = np.unique(rows[seen] * width + columns[seen])
    rows, columns = (flat // width).astype(np.int32), (flat % width).astype(np.int32)
    dx, dy = columns + 0.5 - ring.x, rows + 0.5 - ring.y
    middle = ring.radius - ring.style.thick / 2
    covered = np.clip(ring.style.thick / 2 + 0.5 - np.abs(np.hypot(dx, dy) - middle), 0, 1).astype(np.float32)
    if ring.style.dashed:
        covered *= _dashes(np.arctan2(dy, dx), ring.radius)
    return rows, columns, covered


def _dashes(angle: npt.NDArray[np.float64], radius: float) -> npt.NDArray[np.float32]:
    """Return 1 on the dashes and 0 between, soft by half a pixel; they divide the ring evenly."""
    count = max(6, round(2 * math.pi * radius / (DASH + GAP)))
    place = (angle / (2 * math.pi) * count) % 1
    period = 2 * math.pi * radius / count
    inside = period * (DASH / (DASH + GAP) / 2 - np.abs(place - 0.5))
    return np.clip(inside + 0.5, 0, 1).astype(np.float32)
