"""The Hebbian layout drawn: units glide to their place, and correlations are soft lines between them."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pygame

from llmri_look.colours.colour import UNKNOWN, Bytes
from llmri_look.colours.theme import Colour
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.palettes import palette
from llmri_viewer.drawing.panels import legend
from llmri_viewer.drawing.plane import lattice as cells
from llmri_viewer.model.clusters.edges import Edges, edges_of
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.geometry import Box, Camera
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.lattice import HebbianView, Lattice
from llmri_viewer.views.picture import Picture

Floats = npt.NDArray[np.float64]
DASH, GAP = 5, 4  # pixels of a line that stands for a correlation below zero
FAINTEST = 0.4  # opacity of the weakest line
FINE = 4  # places a cell has on the way, across and down


def paint(
    canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it with its legend, or how far the clusters have come."""
    if waiting.is_waiting(canvas, state, why):
        return
    legend.draw(canvas, state, picture)
    if picture is not None and state.pane.settling < 1:
        _settling(canvas, state, picture)
        return
    cells.view_or_words(canvas, HebbianView(), state, picture, why)
    if picture is not None:
        _lines(canvas, state)


def _lines(canvas: Canvas, state: ViewState) -> None:
    """Draw the lines, where they are wanted and known."""
    view = HebbianView()
    lattice, stage = view.lattice(state), view.stage(state)
    if not state.look.edges or state.clusters.partners is None or state.atlas is None or lattice is None:
        return
    found = edges_of(state.atlas, state.clusters.partners, state.selection.units)
    camera = view.camera(state, lattice.grid)
    sheet = _sheet(found, lattice, camera, stage, scale=canvas.scale, ink=canvas.theme.text)
    canvas.sheet(sheet, stage)


@lru_cache(maxsize=2)
def _sheet(
    edges: Edges, lattice: Lattice, camera: Camera, stage: Box, *, scale: int, ink: Colour
) -> pygame.Surface:
    """Return a sheet as large as the stage with the lines on it, clear elsewhere."""
    opacity = np.zeros((scale * stage.height, scale * stage.width), np.float32)
    row, column = np.divmod(lattice.cells[edges.pairs], lattice.grid.columns)
    corner = np.asarray([round(camera.x), round(camera.y)])
    ends = scale * (corner + (np.stack([column, row], axis=2) + 0.5) * camera.cell)
    strength = np.abs(edges.r)
    least, most = (strength[-1], strength[0]) if len(strength) else (0.0, 1.0)
    shares = FAINTEST + (1 - FAINTEST) * (strength - least) / max(most - least, 1e-6)
    for (start, end), share, r in zip(ends, shares.tolist(), edges.r.tolist(), strict=True):
        _lay(opacity, start, end, share, dashed=r < 0, scale=scale)
    sheet = np.empty((*opacity.shape, 4), np.uint8)
    sheet[..., :3] = ink
    sheet[..., 3] = np.round(255 * opacity)
    size = (sheet.shape[1], sheet.shape[0])
    image = pygame.image.frombuffer(sheet.tobytes(), size, "RGBA").convert_alpha()
    image.set_alpha(255, pygame.RLEACCEL)  # most of it is clear; runs of that cost nothing
    return image


def _lay(
    opacity: npt.NDArray[np.float32], start: Floats, end: Floats, share: float, *, dashed: bool, scale: int
) -> None:
    """Lay a line over a sheet: at each step two pixels share its opacity (Wu 1991)."""
    steps = int(np.abs(end - start).max()) + 1
    along = np.arange(steps)
    if dashed:
        along = along[along % (scale * (DASH + GAP)) < scale * DASH]
    places = start - 0.5 + (end - start) * (along / max(1, steps - 1))[:, None]
    steep = abs(end[1] - start[1]) > abs(end[0] - start[0])
    minor = places[:, 0] if steep else places[:, 1]
    low = np.floor(minor).astype(np.intp)
    major = np.floor((places[:, 1] if steep else places[:, 0]) + 0.5).astype(np.intp)
    for width in range(scale + 1):
        covered = minor - low if width == scale else 1 - (minor - low) if width == 0 else np.ones(len(minor))
        across = low + width
        rows, columns = (major, across) if steep else (across, major)
        seen = (rows >= 0) & (columns >= 0) & (rows < opacity.shape[0]) & (columns < opacity.shape[1])
        here = (rows[seen], columns[seen])
        opacity[here] = np.maximum(opacity[here], share * covered[seen])


def _settling(canvas: Canvas, state: ViewState, picture: Picture) -> None:
    """Draw each unit so much of its way."""
    view = HebbianView()
    lattice, stage = view.lattice(state), view.stage(state)
    if lattice is None:
        return
    grid, camera = lattice.grid, view.camera(state, lattice.grid)
    share = (
        state.pane.settling * state.pane.settling * (3 - 2 * state.pane.settling)
    )  # slow at both ends (smoothstep)
    corner = (stage.x + round(camera.x), stage.y + round(camera.y))
    place = Box(*corner, grid.columns * camera.cell, grid.rows * camera.cell)
    canvas.clip(stage)
    canvas.levels(
        on_the_way(lattice, picture.levels, share), palette(state.look.colour_map, canvas.theme), place
    )
    canvas.clip(None)


def on_the_way(lattice: Lattice, levels: Bytes, share: float) -> Bytes:
    """Return the picture with units so much of their way, four by four pixels a unit."""
    grid = lattice.grid
    image = np.full((FINE * grid.rows, FINE * grid.columns), UNKNOWN, np.uint8)
    start = np.stack(np.divmod(np.arange(lattice.cells.size), grid.columns))
    end = np.stack(np.divmod(lattice.cells, grid.columns))
    row, column = np.round(FINE * (start + share * (end - start))).astype(np.intp)
    for down in range(FINE):
        for across in range(FINE):
            image[row + down, column + across] = levels
    return image


PAINTERS = {"hebbian": paint}
