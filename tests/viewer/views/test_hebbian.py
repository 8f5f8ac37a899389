"""The Hebbian layout: an image of all units, each in its cell."""

import numpy as np
import pygame
import pytest

from llmri_look.colours.theme import THEMES, ThemeName
from llmri_viewer.model.layout import window_parts
from llmri_viewer.views import picture_of
from llmri_viewer.views.lattice import HebbianView, hebbian
from tests.viewer.conftest import Desk

VIEW = HebbianView()


@pytest.fixture
def laid(clustered: Desk) -> Desk:
    clustered.play("h")
    clustered.land()
    return clustered


def test_h_shows_the_layout_and_h_or_escape_leave_it(laid: Desk) -> None:
    assert (laid.state.pane.view, laid.state.mode) == ("hebbian", "hebbian")
    laid.play("h")
    assert laid.state.pane.view == "grid"
    laid.play("h escape")
    assert laid.state.pane.view == "grid"


def test_every_unit_has_a_cell_where_the_clustering_placed_it(laid: Desk) -> None:
    assert laid.state.atlas is not None
    lattice = hebbian(laid.state.atlas)
    placement = laid.state.atlas.clustering.placement
    for unit in (0, 100, 4095):
        column, row = lattice.grid.cell(int(lattice.cells[unit]))
        assert (row, column) == tuple(placement.cells[unit])
    assert (lattice.units >= 0).sum() == 4096


def test_a_cells_pixels_read_through_the_colour_bar_give_its_units_value(laid: Desk) -> None:
    laid.window.draw()
    colours = pygame.surfarray.array3d(laid.window.canvas.surface).astype(int)
    bar = window_parts.of(laid.state.window.size).bar
    ramp = colours[bar.x + 1 : bar.right - 1, bar.y + 6]
    picture = picture_of(laid.state, laid.session.store)
    assert picture is not None
    assert laid.state.time.at is not None
    truth = laid.server.rows(1, laid.state.time.at.token, "mlp_act").ravel()
    np.testing.assert_array_equal(picture.values, truth)
    for unit in range(0, 4096, 371):
        box = VIEW.box_of(laid.state, unit)
        assert box is not None
        ink = colours[box.x + box.width // 2, box.y + box.height // 2]
        read = (np.abs(ramp - ink).sum(axis=1).argmin() + 1) / (bar.width - 1)
        assert abs(read - picture.scale.position(truth[unit : unit + 1])[0]) < 0.01


def test_an_empty_cell_is_as_the_window_and_nothing_to_click(laid: Desk) -> None:
    assert laid.state.atlas is not None
    grid = hebbian(laid.state.atlas).grid
    camera, stage = VIEW.camera(laid.state, grid), VIEW.stage(laid.state)
    cell = camera.cell_box(grid, stage, grid.rows * grid.columns - 1)
    middle = (cell.x + cell.width // 2, cell.y + cell.height // 2)
    laid.window.draw()
    assert laid.window.canvas.colour_at(middle) == laid.window.canvas.theme.background
    before = laid.state.selection.units
    laid.play(f"click:{middle[0]},{middle[1]}")
    assert laid.state.selection.units == before


def test_a_click_selects_the_unit_of_the_cell_in_whatever_layer_it_is(laid: Desk) -> None:
    for unit in (3, 700, 4000):
        box = VIEW.box_of(laid.state, unit)
        assert box is not None
        x, y = box.x + box.width // 2, box.y + box.height // 2
        assert VIEW.unit_at(laid.state, (x, y)) == unit
        laid.play(f"click:{x},{y}")
        assert laid.state.selection.units == {divmod(unit, 512)}
        assert any(
            f"layer {unit // 512}  unit {unit % 512}" in text.text for text in laid.window.canvas.written
        )


def test_a_cluster_selected_in_the_circles_is_outlined_and_edited_here(laid: Desk) -> None:
    laid.play('h o click:cluster=16 x wait:edits say:"Another." wait:turn_end h')
    laid.land()
    pixels = pygame.surfarray.array3d(laid.window.canvas.surface)
    theme = laid.window.canvas.theme
    stage = VIEW.stage(laid.state)
    inside = pixels[stage.x : stage.right, stage.y : stage.bottom]
    assert (inside == theme.accent).all(axis=2).sum() > 100
    grid = hebbian(laid.state.atlas).grid
    cell = VIEW.camera(laid.state, grid).cell
    red = (inside == theme.ablated).all(axis=2).sum()
    assert red == pytest.approx(len(laid.state.selection.units) * cell * cell, rel=0.02)


@pytest.mark.parametrize("keys", ["", "g", "size:900x600"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_line_around_the_units_tells_one_of_value_zero_from_none(
    laid: Desk, theme: ThemeName, keys: str
) -> None:
    laid.window.canvas.theme = THEMES[theme]
    laid.play(keys)
    laid.land()
    assert laid.state.atlas is not None
    lattice = hebbian(laid.state.atlas)
    camera, stage = VIEW.camera(laid.state, lattice.grid), VIEW.stage(laid.state)
    inside = np.pad((lattice.units >= 0).reshape(lattice.grid.rows, lattice.grid.columns), 1)
    assert not inside[1:-1, 1:-1].all()
    colour_at, line = laid.window.canvas.colour_at, THEMES[theme].line
    for cell in lattice.cells.tolist():
        row, column = divmod(cell, lattice.grid.columns)
        box = camera.cell_box(lattice.grid, stage, cell)
        middle = (box.x + box.width // 2, box.y + box.height // 2)
        around = {
            (box.x - 1, middle[1]): inside[row + 1, column],
            (box.right, middle[1]): inside[row + 1, column + 2],
            (middle[0], box.y - 1): inside[row, column + 1],
            (middle[0], box.bottom): inside[row + 2, column + 1],
        }
        for at, unit in around.items():
            assert unit or colour_at(at) == line
