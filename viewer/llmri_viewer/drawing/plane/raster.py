"""Circles as pixels: which unit or group each pixel shows, and how softly its edge ends.

Made once for a camera; a frame then colours pixels by looking up what they show.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pygame

from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.layout.disc_camera import DiscCamera
from llmri_viewer.model.layout.geometry import Box

Ints = npt.NDArray[np.int32]
Indices = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Circles = npt.NDArray[np.float64]
RIM_SHARE, RIM_LEAST, RIM_MOST = 0.22, 1.2, 3.0  # of a unit's radius; pixels
SURE = 0.5  # of a pixel covered, from which it is a circle's own


@dataclass(frozen=True, eq=False)
class Raster:
    """What the screen's pixels show in a box, outside which the stage is empty.

    Attributes:
        box: The box, in the layout's pixels.
        ids: What each pixel shows, `[rows, columns]`: a unit `u`, its rim `units + u`, a group
            `2 * units + g`, or nothing, `2 * units + groups`.
        ground: The group under each pixel, `[rows, columns]`, counted from 0; `groups` for none.
        soft: What a unit leaves of each of its pixels to the ground, of 255, `[rows, columns]`; else 0.
        groups: The groups' circles, x, y and radius in these pixels, `[groups, 3]`.
        radius: Radius of a unit in the layout's pixels, the largest if they differ.
        fineness: How many of these pixels one of the layout's takes, across and down.
    """

    box: Box
    ids: Indices
    ground: Ints
    soft: Bytes
    groups: Circles
    radius: float
    fineness: int

    def painted(self, colours: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """Return the pixels with everything in its colour, `[ids]`; they hold until the next call."""
        # No index is out of bounds; "clip" saves numpy the copy that it would need to be able to raise.
        return np.take(colours, self.ids, out=self._pixels, mode="clip")

    @cached_property
    def _pixels(self) -> npt.NDArray[np.uint32]:
        return np.empty(self.ids.shape, np.uint32)


@lru_cache(maxsize=2)
def rasterised(atlas: Atlas, lens: DiscCamera, stage: Box, fineness: int = 1) -> Raster:
    """Return the pixels of the packing as a lens shows it."""
    box = _around(atlas.packing.groups[0], lens, stage)
    shape = (fineness * box.height, fineness * box.width)
    groups = _placed(atlas.packing.groups, lens, stage, box) * fineness
    ground = _discs(groups, shape)
    units = len(atlas.drawn)
    shown = np.flatnonzero(atlas.drawn)
    circles = (_placed(atlas.packing.units[shown], lens, stage, box) * fineness).T
    x, y, radius = circles
    seen = (x > -radius) & (y > -radius) & (x < shape[1] + radius) & (y < shape[0] + radius)
    ids = ground.astype(np.intp) + 2 * units
    soft = np.zeros(shape, np.uint8)
    _units(ids, soft, shown[seen], circles[:, seen].astype(np.float32), units)
    return Raster(box, ids, ground, soft, groups, float(radius.max(initial=0.0)) / fineness, fineness)


def _placed(circles: Circles, lens: DiscCamera, stage: Box, box: Box) -> Circles:
    """Return circles of the plane as they lie in a box of the stage, x, y and radius, `[circles, 3]`."""
    x, y = lens.pixel(stage, circles[:, 0], circles[:, 1])
    return np.stack([x - box.x, y - box.y, circles[:, 2] * lens.scale(stage)], axis=1)


def _around(whole: Circles, lens: DiscCamera, stage: Box) -> Box:
    """Return the part of a stage that a circle reaches into, at least a pixel of it."""
    x, y = lens.pixel(stage, float(whole[0]), float(whole[1]))
    reach = float(whole[2]) * lens.scale(stage) + 1
    left, top = max(stage.x, math.floor(x - reach)), max(stage.y, math.floor(y - reach))
    right, bottom = min(stage.right, math.ceil(x + reach)), min(stage.bottom, math.ceil(y + reach))
    return Box(left, top, max(1, right - left), max(1, bottom - top))


def _discs(circles: Circles, shape: tuple[int, int]) -> Ints:
    """Fill circles, `[circles, 3]`, outer before inner; give each pixel's, `[rows, columns]`."""
    scratch = pygame.Surface((shape[1], shape[0]), depth=32)
    scratch.fill(len(circles))
    for number, (x, y, radius) in enumerate(circles.tolist()):
        if -radius < x < shape[1] + radius and -radius < y < shape[0] + radius:
            pygame.draw.circle(scratch, number, (x, y), radius)
    pixels = pygame.surfarray.array2d(scratch).T & 0xFFFFFF
    return np.ascontiguousarray(pixels, np.int32)


def _units(ids: Indices, soft: Bytes, numbers: Indices, circles: Floats, units: int) -> None:
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
    pixels = np.flatnonzero(near)
    unit = pixels // across.size**2
    flat = ((rows * ids.shape[1])[:, :, None] + columns[:, None, :]).ravel()[pixels]
    distance = np.sqrt(squares.ravel()[pixels])
    covered = np.clip((radius + np.float32(0.5))[unit] - distance, 0, 1)
    inside = radius - np.clip(RIM_SHARE * radius, RIM_LEAST, RIM_MOST)
    shows = numbers[unit] + np.where(distance > inside[unit], units, 0)
    left = np.round(255 * (1 - covered)).astype(np.uint8)
    for chosen in (covered > 0, covered >= SURE):  # last comes the unit that has most of a pixel
        ids.ravel()[flat[chosen]] = shows[chosen]
        soft.ravel()[flat[chosen]] = left[chosen]
