"""The circle view drawn: units lit by their activity, clusters in their colours."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pygame

from llmri_viewer.clusters.atlas import Atlas, Ints, chosen_clusters
from llmri_viewer.colours.colour import Bytes
from llmri_viewer.colours.theme import Theme
from llmri_viewer.drawing import labels
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.inks import edited, grounds, inks, packed, ring_of
from llmri_viewer.drawing.marks import ink_on, mark
from llmri_viewer.drawing.raster import Raster, rasterised
from llmri_viewer.drawing.rings import Ring, lay
from llmri_viewer.layout.geometry import Box
from llmri_viewer.layout.lens import Lens
from llmri_viewer.shown.picture import Picture
from llmri_viewer.state import ViewState
from llmri_viewer.views.circles import CirclesView, lens_of, stage_of

Floats = npt.NDArray[np.float64]
MARK_FROM = 12  # pixels across, below which the tint has to do


def draw(canvas: Canvas, state: ViewState, picture: Picture | None) -> None:
    """Draw the circles; without a picture the units are unlit."""
    atlas, stage = state.clusters, stage_of(state)
    if atlas is None:
        return
    lens = lens_of(state, atlas)
    colours = inks(canvas.theme, atlas, state, picture)
    canvas.clip(stage)
    if state.flight:
        _moving(canvas, atlas, lens, stage, colours)
    else:
        still(canvas, state, lens, stage, colours)
        _hovered(canvas, state, lens, stage)
    labels.draw(canvas, state, atlas, lens, stage)
    canvas.clip(None)


def still(canvas: Canvas, state: ViewState, lens: Lens, stage: Box, colours: Bytes) -> None:
    """Colour the pixels that were worked out for this camera, and mark what is edited."""
    atlas = state.clusters
    if atlas is None:
        return
    raster = rasterised(atlas, lens, stage, canvas.scale)
    canvas.pixels(raster.painted(packed(colours)), raster.box)
    selected = chosen_clusters(atlas, state.selection)
    canvas.sheet(_overlay(atlas, raster, canvas.theme, selected), raster.box)
    if 2 * raster.radius < MARK_FROM:
        return
    units, effects = edited(atlas, state.standing.edits)
    circles, seen = _in_sight(atlas.packing.units[units], lens, stage)
    for (x, y, radius), place in zip(circles.tolist(), seen.tolist(), strict=True):
        red, green, blue = colours[units[place]].tolist()
        ink = ink_on((red, green, blue))
        mark(canvas, (round(x), round(y)), min(6, int(radius / 2)), effects[place], ink)


def _moving(canvas: Canvas, atlas: Atlas, lens: Lens, stage: Box, colours: Bytes) -> None:
    """Draw circle by circle with hard edges: a camera's pixels take longer to work out than a frame lasts."""
    canvas.fill(stage, canvas.theme.background)
    groups, inside = _in_sight(atlas.packing.groups, lens, stage)
    # A group is its ring's colour, and on that its ground, a pixel smaller: outer before inner.
    rings = np.asarray([ring_of(canvas.theme, atlas, group, ()).colour for group in inside], np.uint8)
    under = grounds(atlas, canvas.theme)[inside]
    layers = np.stack([groups, groups - (0, 0, 1)], axis=1).reshape(-1, 3)
    inks_of_layers = np.stack([rings.reshape(-1, 3), under], axis=1).reshape(-1, 3)
    canvas.discs(layers, inks_of_layers)
    units, which = _in_sight(atlas.packing.units, lens, stage)
    canvas.discs(units, colours[which])


def _in_sight(circles: Floats, lens: Lens, stage: Box) -> tuple[Floats, Ints]:
    """Give the circles that reach into a box, in the window's pixels, and which they are."""
    x, y = lens.pixel(stage, circles[:, 0], circles[:, 1])
    radius = circles[:, 2] * lens.scale(stage)
    seen = (x > stage.x - radius) & (x < stage.right + radius)
    seen &= (y > stage.y - radius) & (y < stage.bottom + radius)
    return np.stack([x, y, radius], axis=1)[seen], np.flatnonzero(seen)


@lru_cache(maxsize=2)
def _overlay(atlas: Atlas, raster: Raster, theme: Theme, selected: tuple[int, ...]) -> pygame.Surface:
    """Give what lies over the lit units: their soft edges, and the groups' rings, selected ones last."""
    sheet = np.empty((*raster.ids.shape, 4), np.uint8)
    sheet[..., :3] = grounds(atlas, theme)[raster.ground]
    sheet[..., 3] = np.round(255 * raster.soft)
    for group in np.argsort(np.isin(atlas.clustering.group_cluster, selected), kind="stable").tolist():
        x, y, radius = raster.groups[group].tolist()
        style = ring_of(theme, atlas, group, selected)
        lay(sheet, Ring(x, y, radius, style._replace(thick=raster.fineness * style.thick)))
    size = (sheet.shape[1], sheet.shape[0])
    image = pygame.image.frombuffer(sheet.tobytes(), size, "RGBA").convert_alpha()
    image.set_alpha(255, pygame.RLEACCEL)  # most of it is clear; runs of that cost nothing
    return image


def _hovered(canvas: Canvas, state: ViewState, lens: Lens, stage: Box) -> None:
    """Ring the cluster under the pointer."""
    number = CirclesView().cluster_at(state, state.pointer) if state.pointer and not state.help else None
    if number is None or state.clusters is None:
        return
    group = state.clusters.cluster_group[number]
    x, y, radius = state.clusters.packing.groups[group].tolist()
    canvas.circle(lens.pixel(stage, x, y), radius * lens.scale(stage) + 1, canvas.theme.text)
