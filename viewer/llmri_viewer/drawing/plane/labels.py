"""The names of clusters on their circles: never outside them, so never over one another."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from llmri_look.colours.theme import SMALL
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.layout.disc_camera import DiscCamera
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState

HEIGHT = SMALL + 4
PADDING = 4
CLEAR = 3  # pixels between a label and its circle
LEAST_RADIUS = 12.0
MOST_COVERED = 0.35  # of a circle


@dataclass(frozen=True)
class Label:
    """A cluster's name, and its plate in the window."""

    number: int
    text: str
    plate: Box


@lru_cache(maxsize=2)
def place(fonts: Fonts, atlas: Atlas, lens: DiscCamera, stage: Box) -> tuple[Label, ...]:
    """Return the labels that fit: number and token where there is room, else the number, else none."""
    scale = lens.scale(stage)
    found = []
    for cluster in atlas.clustering.clusters:
        x, y, radius = atlas.packing.groups[atlas.cluster_group[cluster.number]].tolist()
        if radius * scale < LEAST_RADIUS:
            continue
        left, top = lens.pixel(stage, x, y)
        for text in dict.fromkeys((cluster_words.cluster_name(cluster), str(cluster.number))):
            plate = _plate(left, top, radius * scale, fonts.width(text, "sans", SMALL) + 2 * PADDING)
            crowded = plate and plate.width * plate.height > MOST_COVERED * math.pi * (radius * scale) ** 2
            if plate and not crowded and _within(plate, stage):
                found.append(Label(cluster.number, text, plate))
                break
    return tuple(found)


def draw(canvas: Canvas, state: ViewState, atlas: Atlas, lens: DiscCamera, stage: Box) -> None:
    """Draw the labels on plates of the window's ground."""
    theme = canvas.theme
    for label in place(canvas.fonts, atlas, lens, stage):
        canvas.fill(label.plate, theme.background, 4)
        ink = theme.accent if label.number == state.selection.picked else theme.text
        canvas.text(label.plate, label.text, colour=ink, align="centre")


def _plate(x: float, y: float, radius: float, width: int) -> Box | None:
    """Return the highest plate so wide inside a circle, None where none fits in its upper half."""
    reach = radius - CLEAR
    half = width / 2
    if half >= reach:
        return None
    top = -math.sqrt(reach * reach - half * half)
    if top + HEIGHT > -top:  # its lower corners must stay inside, too
        return None
    return Box(math.ceil(x - half), math.ceil(y + top), width, HEIGHT)


def _within(plate: Box, stage: Box) -> bool:
    corners = np.array([[plate.x, plate.y], [plate.right - 1, plate.bottom - 1]])
    return all(stage.holds(*corner) for corner in corners.tolist())
