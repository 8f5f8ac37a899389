"""The circle view drawn: units lit by their activity, clusters in their colours."""

from functools import lru_cache

import numpy as np
import pygame

from llmri_viewer.atlas import Atlas, Ints, chosen_clusters
from llmri_viewer.colour import Bytes
from llmri_viewer.drawing import labels
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.inks import edited, grounds, inks, packed, ring_of
from llmri_viewer.drawing.marks import ink_on, mark
from llmri_viewer.drawing.raster import rasterised
from llmri_viewer.drawing.rings import Ring, lay
from llmri_viewer.geometry import Box
from llmri_viewer.lens import Lens
from llmri_viewer.picture import Picture
from llmri_viewer.state import ViewState
from llmri_viewer.theme import Theme
from llmri_viewer.views.circles import CirclesView, lens_of, stage_of

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
        _still(canvas, state, lens, stage, colours)
        _hovered(canvas, state, lens, stage)
    labels.draw(canvas, state, atlas, lens, stage)
    canvas.clip(None)


def _still(canvas: Canvas, state: ViewState, lens: Lens, stage: Box, colours: Bytes) -> None:
    """Colour the pixels that were worked out for this camera, and mark what is edited."""
    atlas = state.clusters
    if atlas is None:
        return
    raster = rasterised(atlas, lens, stage)
    canvas.pixels(packed(colours)[raster.ids], stage)
    selected = chosen_clusters(atlas, state.selection)
    canvas.sheet(_overlay(atlas, lens, stage, canvas.theme, selected), stage)
    if 2 * raster.radius < MARK_FROM:
        return
    units, effects = edited(atlas, state.standing.edits)
    for (x, y, radius), unit, done in zip(_pixels(atlas, units, lens, stage), units, effects, strict=True):
        if stage.holds(x, y):
            red, green, blue = colours[unit].tolist()
            mark(canvas, (round(x), round(y)), min(6, int(radius / 2)), done, ink_on((red, green, blue)))


def _moving(canvas: Canvas, atlas: Atlas, lens: Lens, stage: Box, colours: Bytes) -> None:
    """Draw circle by circle with hard edges: a camera's pixels take longer to work out than a frame lasts."""
    scale = lens.scale(stage)
    under = grounds(atlas, canvas.theme).tolist()
    canvas.fill(stage, canvas.theme.background)
    for group, (x, y, radius) in enumerate(atlas.packing.groups.tolist()):
        canvas.disc(lens.pixel(stage, x, y), radius * scale, under[group])
        canvas.circle(lens.pixel(stage, x, y), radius * scale, ring_of(canvas.theme, atlas, group, ()).colour)
    shown = np.flatnonzero(atlas.drawn)
    for (x, y, radius), ink in zip(_pixels(atlas, shown, lens, stage), colours[shown].tolist(), strict=True):
        if stage.x - radius < x < stage.right + radius and stage.y - radius < y < stage.bottom + radius:
            canvas.disc((x, y), radius, ink)


def _pixels(atlas: Atlas, units: Ints, lens: Lens, stage: Box) -> list[tuple[float, float, float]]:
    """Give the middle and the radius of units in the window."""
    scale = lens.scale(stage)
    left, top = lens.pixel(stage, 0.0, 0.0)
    circles = atlas.packing.units[units] * scale + (left, top, 0.0)
    return [(x, y, radius) for x, y, radius in circles.tolist()]


@lru_cache(maxsize=2)
def _overlay(atlas: Atlas, lens: Lens, stage: Box, theme: Theme, selected: tuple[int, ...]) -> pygame.Surface:
    """Give what lies over the lit units: their soft edges, and the groups' rings, selected ones last."""
    raster = rasterised(atlas, lens, stage)
    sheet = np.empty((*raster.ids.shape, 4), np.uint8)
    sheet[..., :3] = grounds(atlas, theme)[raster.ground]
    sheet[..., 3] = np.round(255 * raster.soft)
    here = Box(0, 0, stage.width, stage.height)
    scale = lens.scale(here)
    for group in np.argsort(np.isin(atlas.clustering.group_cluster, selected), kind="stable").tolist():
        x, y, radius = atlas.packing.groups[group].tolist()
        left, top = lens.pixel(here, x, y)
        lay(sheet, Ring(left, top, radius * scale, ring_of(theme, atlas, group, selected)))
    image = pygame.image.frombuffer(sheet.tobytes(), (stage.width, stage.height), "RGBA").convert_alpha()
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
