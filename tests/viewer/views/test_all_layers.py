"""All layers at once: what the pixels say is what the arrays hold, and clicks lead where they point."""

from dataclasses import replace

import msgspec
import numpy as np
import pygame
import pytest

from llmri_protocol.messages import ProtectedUnit
from llmri_viewer import views
from llmri_viewer.drawing.charts import unit_ticks
from llmri_viewer.model.history.store import ScanRows
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.columns import columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.unit_selection import AllUnits
from llmri_viewer.views import picture_of
from llmri_viewer.views.all_layers import AllLayersView
from llmri_viewer.views.values.all_rows import all_rows
from tests.viewer.commands.test_keys import mouse
from tests.viewer.conftest import STORY_TOLD, Desk

VIEW = AllLayersView()


@pytest.fixture
def spread(told: Desk) -> Desk:
    told.play("a")
    return told


def pixels_of(desk: Desk) -> np.ndarray:
    desk.window.draw()
    return pygame.surfarray.array3d(desk.window.canvas.surface).astype(int)


def truth(desk: Desk) -> np.ndarray:
    assert desk.state.time.at is not None
    return desk.server.rows(*desk.state.time.at, desk.state.pane.site)


def test_a_shows_all_layers_and_a_or_escape_leave(spread: Desk) -> None:
    assert (spread.state.pane.view, spread.state.mode) == ("layers", "layers")
    spread.play("a")
    assert spread.state.pane.view == "grid"
    spread.play("a + escape")
    assert (spread.state.pane.view, spread.state.pane.reach) == ("layers", Reach())
    spread.play("escape")
    assert spread.state.pane.view == "grid"


@pytest.mark.parametrize("keys", ["shift+a", "shift+a p", "shift+a l p c c", "p"])
def test_a_pixel_read_through_the_colour_bar_gives_the_strongest_of_its_units(
    spread: Desk, keys: str
) -> None:
    spread.play(f"size:900x600 {keys}")
    state, seen = spread.state, VIEW.columns(spread.state)
    picture = picture_of(state, spread.session.store)
    assert picture is not None
    assert seen is not None
    colours, bands, bar = pixels_of(spread), VIEW.bands(state), window_parts.of(state.window.size).bar
    ramp = colours[bar.x + 1 : bar.right - 1, bar.y + 6]
    rows = truth(spread)
    np.testing.assert_array_equal(picture.values.reshape(rows.shape), rows)
    for layer in range(8) if not state.look.per_layer else (state.pane.layer,):
        row = bands.row(layer)
        for pixel in range(5, row.width, 61):
            ink = colours[row.x + pixel, row.y + row.height // 2]
            read = (np.abs(ramp - ink).sum(axis=1).argmin() + 1) / (bar.width - 1)
            stretch = rows[layer, seen.first[pixel] : seen.stop[pixel]]
            value = stretch[np.abs(stretch).argmax()]
            assert abs(read - picture.scale.position(np.array([value]))[0]) < 0.012


def test_the_pointer_reads_the_value_that_its_pixel_shows(spread: Desk) -> None:
    spread.play("size:640x400")  # fewer pixels than units
    bands, seen = VIEW.bands(spread.state), VIEW.columns(spread.state)
    assert seen is not None
    assert not seen.single
    row = bands.row(3)
    for pixel in (0, 100, row.width - 1):
        spread.play(f"point:{row.x + pixel},{row.y + 1}")
        spread.window.draw()
        stretch = truth(spread)[3, seen.first[pixel] : seen.stop[pixel]]
        unit = int(seen.first[pixel] + np.abs(stretch).argmax())
        said = f"layer 3  unit {unit}  {truth(spread)[3, unit]:+.3f}"
        assert said in [text.text for text in spread.window.canvas.written]


def test_each_layer_has_its_own_scale_until_shift_a_gives_all_the_same(spread: Desk) -> None:
    own = all_rows(spread.state, spread.session.store)
    assert own is not None
    assert own.scales[7].high > 2 * own.scales[0].high, "later layers are stronger in the synthetic model"
    picture = picture_of(spread.state, spread.session.store)
    assert picture is not None
    assert picture.scale == own.scales[spread.state.pane.layer], "the colour bar is of the shown layer"
    spread.play("shift+a")
    shared = all_rows(spread.state, spread.session.store)
    assert shared is not None
    assert len(set(shared.scales)) == 1


def test_percentiles_are_those_of_each_layer_over_the_turn(spread: Desk) -> None:
    found = all_rows(spread.state, spread.session.store)
    assert found is not None
    assert spread.state.time.at is not None
    tokens = spread.session.store.moments(1, "mlp_act")
    values = np.stack([spread.server.rows(1, token, "mlp_act") for token in tokens])
    for layer in (0, 5):
        low, high = np.percentile(values[:, layer], (1, 99))
        assert found.scales[layer].high == pytest.approx(max(-low, high), rel=0.06)


def test_the_scale_stays_while_time_is_scrubbed(spread: Desk) -> None:
    scales = set()
    for _ in range(5):
        spread.play("left")
        found = all_rows(spread.state, spread.session.store)
        assert found is not None
        scales.add(found.scales)
    assert len(scales) == 1


def test_the_difference_is_of_every_layer(spread: Desk) -> None:
    spread.play("d")
    assert spread.state.time.at is not None
    turn, token = spread.state.time.at
    found = all_rows(spread.state, spread.session.store)
    assert found is not None
    change = truth(spread) - spread.server.rows(turn, token - 1, "mlp_act")
    np.testing.assert_array_equal(found.rows, change)


def test_a_click_goes_to_a_layer_and_selects_a_unit_where_units_are_wide_enough(spread: Desk) -> None:
    row = VIEW.bands(spread.state).row(6)
    spread.play(f"click:{row.x + 300},{row.y + 4}")
    assert spread.state.pane.layer == 6
    assert spread.state.selection.units == {(4, 127)}
    spread.play("+ + + + + + + +")
    row = VIEW.bands(spread.state).row(2)
    at = (row.x + 300, row.y + 4)
    unit = VIEW.unit_at(spread.state, at)
    assert unit is not None
    spread.play(f"add:{at[0]},{at[1]}")
    assert spread.state.selection.units == {(4, 127), divmod(unit, 512)}
    assert spread.state.pane.layer == 6


def test_zoom_pan_and_fit_move_along_the_units_only(spread: Desk) -> None:
    box = VIEW.bands(spread.state).box
    spread.play("+ + + +")
    near = spread.state.pane.reach
    assert near.length == pytest.approx(1.25**-4)
    mouse(pygame.MOUSEBUTTONDOWN, (box.x + 300, box.y + 60))
    mouse(pygame.MOUSEMOTION, (box.x + 360, box.y + 90), (60, 30))
    mouse(pygame.MOUSEBUTTONUP, (box.x + 360, box.y + 90))
    spread.window.frame()
    assert spread.state.pane.reach.start == pytest.approx(near.start - near.length * 60 / box.width)
    spread.play("0")
    assert spread.state.pane.reach == Reach()


def test_a_unit_is_hit_where_it_is_drawn(spread: Desk) -> None:
    spread.play("+ + + + + + + + + +")
    found = 0
    for index in range(0, 8 * 512, 37):
        box = VIEW.box_of(spread.state, index)
        if box is not None:
            assert VIEW.unit_at(spread.state, (box.x + box.width // 2, box.y + box.height // 2)) == index
            found += 1
    assert found


def test_the_selection_and_edits_of_every_layer_are_marked_above_their_rows(spread: Desk) -> None:
    spread.play("x wait:edits a down down click:unit=300 b wait:edits add:unit=9 a")
    colours, theme, seen = pixels_of(spread), spread.window.canvas.theme, VIEW.columns(spread.state)
    assert seen is not None
    for layer, unit, ink in ((4, 127, theme.ablated), (6, 300, theme.boosted), (6, 9, theme.accent)):
        lane = VIEW.bands(spread.state).lane_of(layer)
        start, _ = seen.pixels(unit)
        near = colours[lane.x + start - 3 : lane.x + start + 4, lane.y : lane.bottom]
        assert (near == ink).all(axis=2).any(), (layer, unit)
    quiet = VIEW.bands(spread.state).lane_of(1)
    lane_pixels = colours[quiet.x : quiet.right, quiet.y + 1 : quiet.bottom - 1]  # rows' lines beside it
    assert (lane_pixels == theme.background).all()


def test_protected_units_are_marked_at_the_foot_of_their_row_when_m_shows_them(spread: Desk) -> None:
    unit = ProtectedUnit(site="mlp_act", layer=2, unit=77, evidence="massive")
    assert spread.state.connection.card is not None
    card = msgspec.structs.replace(spread.state.connection.card, protected=(unit,))
    spread.session.state = replace(spread.state, connection=replace(spread.state.connection, card=card))
    row, seen = VIEW.bands(spread.state).row(2), VIEW.columns(spread.state)
    assert seen is not None
    start, _ = seen.pixels(77)
    amber = []
    for keys in ("", "m"):
        spread.play(keys)
        near = pixels_of(spread)[row.x + start - 3 : row.x + start + 4, row.bottom - 8 : row.bottom]
        amber.append(bool((near == spread.window.canvas.theme.warning).all(axis=2).any()))
    assert amber == [False, True]


def test_marks_are_three_pixels_wide_where_a_unit_has_one() -> None:
    seen = columns(16384, Reach(), 900)
    ((start, end),) = unit_ticks.runs(seen, [5000])
    assert end - start == 1
    assert unit_ticks.place_of(Box(0, 0, 900, 4), start, end).width == 3


def test_a_lasso_selects_over_layers(spread: Desk) -> None:
    bands, seen = VIEW.bands(spread.state), VIEW.columns(spread.state)
    assert seen is not None
    top, bottom = bands.row(2), bands.row(4)
    left, right = bands.box.x + 100, bands.box.x + 131
    corners = [(left, top.y), (right, top.y), (right, bottom.bottom), (left, bottom.bottom)]
    for kind, at in zip((pygame.MOUSEBUTTONDOWN, *[pygame.MOUSEMOTION] * 3), corners, strict=True):
        pygame.event.post(pygame.event.Event(kind, pos=at, rel=(0, 9), buttons=(0, 0, 1), button=3))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=corners[-1], button=3))
    spread.window.frame()
    units = {unit for _, unit in spread.state.selection.units}
    assert {layer for layer, _ in spread.state.selection.units} == {2, 3, 4}
    middles = seen.middles(512)
    assert units == set(np.flatnonzero((middles >= 100) & (middles < 131)).tolist())


def test_a_layer_that_the_scan_lacks_is_blank_and_said(spread: Desk) -> None:
    state, store = spread.state, spread.session.store
    assert state.time.at is not None
    rows = truth(spread)
    store.add_scan(state.time.at, "mlp_act", ScanRows((0, 1, 2, 4, 5, 6, 7), np.delete(rows, 3, axis=0)))
    found = all_rows(state, store)
    assert found is not None
    assert found.blank == {3}
    assert np.isnan(found.rows[3]).all()
    np.testing.assert_array_equal(found.rows[4], rows[4])
    spread.window.draw()
    assert "not in this scan" in [text.text for text in spread.window.canvas.written]


def test_all_units_are_numbered_layer_after_layer() -> None:
    units = AllUnits(3, 5)
    assert len(units) == 15
    assert [units.index(units.place(index)) for index in range(15)] == list(range(15))
    assert units.index((3, 0)) is None


def test_without_scans_it_says_what_to_do(desk: Desk) -> None:
    desk.play("wait:connected a")
    desk.window.draw()
    assert any("Say something" in text.text for text in desk.window.canvas.written)


def test_it_is_drawn_from_the_smallest_window_to_the_largest(spread: Desk) -> None:
    for size in ("480x360", "900x600", "3840x2160"):
        spread.play(f"size:{size}")
        spread.window.draw()
    spread.play(f"size:1280x800 {STORY_TOLD.removeprefix('wait:connected ')}")
    assert spread.state.time.at is not None
    assert spread.state.time.at.turn == 2


@pytest.mark.parametrize("keys", ["a", "click:unit=200 n wait:measured"])
def test_each_row_has_a_line_around_it(told: Desk, keys: str) -> None:
    told.play(f"size:900x600 {keys}")
    told.window.draw()
    view = views.of(told.state)
    assert isinstance(view, AllLayersView)
    bands, canvas = view.bands(told.state), told.window.canvas
    for row in map(bands.row, range(bands.layers)):
        middle = row.y + row.height // 2
        for at in ((row.x - 1, middle), (row.right, middle), (row.x + 40, row.bottom)):
            assert canvas.colour_at(at) == canvas.theme.line
