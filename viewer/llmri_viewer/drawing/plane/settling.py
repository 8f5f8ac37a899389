"""Units on their way from index order to their place in the Hebbian layout."""

import numpy as np

from llmri_look.colours.colour import UNKNOWN, Bytes
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.palettes import palette
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.lattice import HebbianView, Lattice
from llmri_viewer.views.picture import Picture

FINE = 4  # places a cell has on the way, across and down


def draw(canvas: Canvas, state: ViewState, picture: Picture) -> None:
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
