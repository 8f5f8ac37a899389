"""What the pixels say is what the arrays hold."""

import numpy as np
import pygame
import pytest

from llmri_look.colours import colour
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import fitting, grid_of
from llmri_viewer.views import picture_of
from tests.viewer.conftest import STORY_TOLD, Desk


def read_back(desk: Desk, unit: int) -> float:
    """Return the value that a cell's colour stands for, looked up in the colour bar's own pixels."""
    parts = window_parts.of(desk.state.window.size)
    cell = fitting(grid_of(desk.state.width), parts.view).cell_box(
        grid_of(desk.state.width), parts.view, unit
    )
    pixels = pygame.surfarray.array3d(desk.window.canvas.surface).astype(int)
    ink = pixels[cell.x + cell.width // 2, cell.y + cell.height // 2]
    bar = pixels[parts.bar.x + 1 : parts.bar.right - 1, parts.bar.y + 6]
    place = (np.abs(bar - ink).sum(axis=1).argmin() + 1) / (parts.bar.width - 1)
    picture = picture_of(desk.state, desk.session.store)
    assert picture is not None
    return picture.scale.value(float(place))


@pytest.mark.parametrize("keys", ["", "p", "l p", "c c p", "d p", "tab"])
def test_a_units_pixels_read_through_the_colour_bar_give_its_value(desk: Desk, keys: str) -> None:
    desk.play("wait:connected " + keys + " say:again wait:turn_end escape sleep:0")
    state, store = desk.state, desk.session.store
    assert state.time.at is not None
    truth = desk.server.rows(state.time.at.turn, state.time.at.token, state.pane.site)[state.pane.layer]
    if state.look.difference:
        truth = (
            truth
            - desk.server.rows(state.time.at.turn, state.time.at.token - 1, state.pane.site)[state.pane.layer]
        )
    picture = picture_of(state, store)
    assert picture is not None
    np.testing.assert_array_equal(picture.values, truth)
    desk.window.draw()
    for unit in (0, 17, 101, state.width - 1):
        expected = float(np.clip(truth[unit], picture.scale.low, picture.scale.high))
        place = picture.scale.position(np.array([expected, read_back(desk, unit)]))
        assert abs(place[0] - place[1]) < 0.01


def test_a_clicked_cell_selects_the_unit_whose_value_it_shows(told: Desk) -> None:
    assert told.state.selection.units == {(4, 127)}
    written = [text.text for text in told.window.canvas.written]
    assert told.state.time.at is not None
    value = told.server.rows(*told.state.time.at, "mlp_act")[4, 127]
    assert f"{value:+.3f}" in written


def test_edits_are_drawn_green_and_red_and_nothing_else_is(told: Desk) -> None:
    def counts() -> tuple[int, int]:
        told.window.draw()
        pixels = pygame.surfarray.array3d(told.window.canvas.surface)
        theme = told.window.canvas.theme
        return int((pixels == theme.boosted).all(axis=2).sum()), int(
            (pixels == theme.ablated).all(axis=2).sum()
        )

    assert counts() == (0, 0)
    told.play("b wait:edits")
    green, red = counts()
    assert green > 100
    assert red == 0
    told.play("x wait:edits")
    green, red = counts()
    assert green == 0
    assert red > 100


def test_an_edit_shows_in_the_next_scans(told: Desk) -> None:
    told.play('x wait:edits say:"again" wait:turn_end')
    picture = picture_of(told.state, told.session.store)
    assert picture is not None
    assert picture.values[127] == 0


def test_the_difference_of_a_turns_first_scan_is_explained(told: Desk) -> None:
    told.play("click:token=0 d")
    assert picture_of(told.state, told.session.store) is None
    assert "Nothing to compare with" in [text.text for text in told.window.canvas.written]


def test_the_scale_stays_while_time_is_scrubbed(told: Desk) -> None:
    scales = set()
    for _ in range(5):
        told.play("left p" if told.state.look.clip else "left")
        picture = picture_of(told.state, told.session.store)
        assert picture is not None
        scales.add((picture.scale.low, picture.scale.high))
    assert len(scales) == 1


def test_a_picture_in_every_map_is_colourful(desk: Desk) -> None:
    desk.play(STORY_TOLD)
    for name in colour.NAMES:
        assert desk.state.look.colour_map == name
        view = window_parts.of(desk.state.window.size).view
        pixels = pygame.surfarray.array3d(desk.window.canvas.surface)[
            view.x : view.right, view.y : view.bottom
        ]
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
        desk.play("c")
