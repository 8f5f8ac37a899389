"""Circles as pixels: which unit or group each pixel shows, and how softly its edge ends.

Made once for a camera; a frame then colours pixels by looking up what they show.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pygame

from llmri_viewer.atlas import Atlas
from llmri_viewer.geometry import Box
from llmri_viewer.lens import Lens

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
RIM_SHARE, RIM_LEAST, RIM_MOST = 0.22, 1.2, 3.0  # of a unit's radius; pixels
SURE = 0.5  # of a pixel covered, from which it is a circle's own


@dataclass(frozen=True, eq=False)
class Raster:
    """What the pixels of a stage show.

    Attributes:
        ids: What each pixel shows, `[rows, columns]`: a unit `u`, its rim `units + u`, a group
            `2 * units + g`, or nothing, `2 * units + groups`.
        ground: The group under each pixel, `[rows, columns]`, counted from 0; `groups` for none.
        soft: Share of each pixel that its unit leaves to the ground, `[rows, columns]`; 0 off the units.
        radius: Radius of a unit in pixels, the largest if they differ.
    """

    ids: Ints
    ground: Ints
    soft: Floats
    radius: float


@lru_cache(maxsize=2)
def rasterised(atlas: Atlas, lens: Lens, box: Box) -> Raster:
    """Give the pixels of the packing as a lens shows it in a box of the window."""
    scale = lens.scale(box)
    here = Box(0, 0, box.width, box.height)
    groups = np.asarray(atlas.packing.groups, np.float64)
    ground = _discs(groups, lens, here)
    units = len(atlas.drawn)
    shown = np.flatnonzero(atlas.drawn)
    x, y = lens.pixel(here, atlas.packing.units[shown, 0], atlas.packing.units[shown, 1])
    radius = atlas.packing.units[shown, 2] * scale
    seen = (x > -radius) & (y > -radius) & (x < box.width + radius) & (y < box.height + radius)
    ids = ground + np.int32(2 * units)
    soft = np.zeros(ids.shape, np.float32)
    _units(ids, soft, shown[seen], np.stack([x, y, radius])[:, seen].astype(np.float32), units)
    return Raster(ids, ground, soft, float(radius.max(initial=0.0)))


def _discs(groups: npt.NDArray[np.float64], lens: Lens, here: Box) -> Ints:
    """Fill the groups, outer before inner; give each pixel's group."""
    scratch = pygame.Surface((here.width, here.height), depth=32)
    scratch.fill(len(groups))
    scale = lens.scale(here)
    for number, (x, y, radius) in enumerate(groups):
        left, top = lens.pixel(here, x, y)
        reach = radius * scale
        if -reach < left < here.width + reach and -reach < top < here.height + reach:
            pygame.draw.circle(scratch, number, (left, top), reach)
    pixels = pygame.surfarray.array2d(scratch).T & 0xFFFFFF
    return np.ascontiguousarray(pixels, np.int32)


def _units(ids: Ints, soft: Floats, numbers: npt.NDArray[np.intp], circles: Floats, units: int) -> None:
    """Write the pixels of units into `ids` and `soft`; `circles` is x, y, radius in pixels, `[3, shown]`."""
    if not numbers.size:
        return
    centre_x, centre_y, radius = circles
    across = np.arange(int(np.ceil(2 * radius.max())) + 3)
    columns = np.floor(centre_x - radius - 1).astype(np.int32)[:, None] + across
    rows = np.floor(centre_y - radius - 1).astype(np.int32)[:, None] + across
    dx, dy = columns + np.float32(0.5) - centre_x[:, None], rows + np.float32(0.5) - centre_y[:, None]
    squares = (dy * dy)[:, :, None] + (dx * dx)[:, None, :]
    near = squares < ((radius + np.float32(0.5)) ** 2)[:, None, None]
    near &= ((rows >= 0) & (rows < ids.shape[0]))[:, :, None]
    near &= ((columns >= 0) & (columns < ids.shape[1]))[:, None, :]
    unit, row, column = np.nonzero(near)
    distance = np.sqrt(squares[near])
    reach = radius[unit]
    covered = np.clip(reach + np.float32(0.5) - distance, 0, 1)
    rim = np.clip(RIM_SHARE * reach, RIM_LEAST, RIM_MOST)
    shows = (numbers[unit] + np.where(distance > reach - rim, units, 0)).astype(np.int32)
    flat = rows[unit, row] * ids.shape[1] + columns[unit, column]
    for chosen in (covered > 0, covered >= SURE):  # last comes the unit that has most of a pixel
        ids.ravel()[flat[chosen]] = shows[chosen]
        soft.ravel()[flat[chosen]] = 1 - covered[chosen]
