"""What the circle view shows while its camera rests: pixels to colour, and what lies over them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pygame

from llmri_look.colours.colour import Bytes
from llmri_look.colours.theme import Theme
from llmri_viewer.drawing.plane.inks import grounds, packed, ring_of
from llmri_viewer.drawing.plane.raster import Raster, rasterised
from llmri_viewer.drawing.rings import Ring, lay
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.layout.disc_camera import DiscCamera
from llmri_viewer.model.layout.geometry import Box


class Still(NamedTuple):
    """Clusters as a resting camera sees them; `fineness` is as in `Raster`."""

    atlas: Atlas
    lens: DiscCamera
    stage: Box
    fineness: int


SheetsKey = tuple[Still, Theme, tuple[int, ...]]
"""The clusters in sight, the theme, and the numbers of the selected ones."""


@dataclass(frozen=True, eq=False)
class Sheets:
    """The pixels of circles, and over them, `[rows, columns, 4]`, soft edges and the groups' rings."""

    raster: Raster
    over: Bytes

    @cached_property
    def overlay(self) -> pygame.Surface:
        """Return what lies over the lit units as an image."""
        size = (self.over.shape[1], self.over.shape[0])
        image = pygame.image.frombuffer(self.over.tobytes(), size, "RGBA").convert_alpha()
        image.set_alpha(255, pygame.RLEACCEL)  # most of it is clear; runs of that cost nothing
        return image


def sheets(asked: SheetsKey) -> Sheets:
    """Make them; it takes several frames."""
    return _sheets(*asked)


@lru_cache(maxsize=2)
def _sheets(still: Still, theme: Theme, selected: tuple[int, ...]) -> Sheets:
    raster = rasterised(*still)
    return Sheets(raster, _over(still.atlas, raster, theme, selected))


def _over(atlas: Atlas, raster: Raster, theme: Theme, selected: tuple[int, ...]) -> Bytes:
    """Lay the rings, selected ones last, over the soft edges: the ground's colour, as far as it shows."""
    inks = np.take(packed(grounds(atlas, theme)), raster.ground)
    over = inks.view(np.uint8).reshape(*inks.shape, 4)
    over[..., 3] = raster.soft
    for group in np.argsort(np.isin(atlas.clustering.group_cluster, selected), kind="stable").tolist():
        x, y, radius = raster.groups[group].tolist()
        style = ring_of(theme, atlas, group, selected)
        lay(over, Ring(x, y, radius, style._replace(thick=raster.fineness * style.thick)))
    return over
