"""The window itself: truth of its pixels, fine screens, the colour window by mouse, and what may go wrong."""

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygame
import pytest

from llmri_look.colours import colour
from llmri_look.keys.bindings import Bindings
from llmri_viewer.app import window
from llmri_viewer.drawing import scene
from llmri_viewer.drawing.palettes import palette
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.options import Options
from llmri_viewer.views import picture_of
from llmri_viewer.views.lattice import GridView
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

VIEW = GridView()


def drag(desk: Desk, dx: int, dy: int, mods: int = pygame.KMOD_NONE) -> None:
    """Press the left button in the view, move, and release."""
    view = window_parts.of(desk.state.window.size).view
    start = (view.x + view.width // 2, view.y + view.height // 2)
    end = (start[0] + dx, start[1] + dy)
    pygame.key.set_mods(mods)
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=start, button=1))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=end, rel=(dx, dy), buttons=(1, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=end, button=1))
    desk.window.frame()
    pygame.key.set_mods(pygame.KMOD_NONE)


def limits(desk: Desk) -> tuple[float, float]:
    picture = picture_of(desk.state, desk.session.store)
    assert picture is not None
    return picture.scale.low, picture.scale.high


AROUND = (-1, 0, 1)


def texts(desk: Desk) -> str:
    desk.window.draw()
    return " | ".join(written.text for written in desk.window.canvas.written)


@pytest.mark.parametrize("keys", ["", "+ + +", "- -", "l", "p c c", "c c c l", "d"])
def test_every_pixel_of_a_unit_tells_its_value_to_within_a_level(told: Desk, keys: str) -> None:
    told.play("g " + keys)
    drag(told, 37, -11)
    told.play("escape")
    told.window.draw()
    state, canvas = told.state, told.window.canvas
    picture = picture_of(state, told.session.store)
    assert picture is not None
    pixels = pygame.surfarray.array3d(canvas.surface).astype(int)
    colours = np.asarray(palette(state.look.colour_map, canvas.theme))[: colour.LEVELS]
    bar = window_parts.of(state.window.size).bar
    ramp = pixels[bar.x + 1 : bar.right - 1, bar.y + 6]
    stage, rng, seen = VIEW.stage(state), np.random.default_rng(0), 0
    truth = picture.scale.position(picture.values) * (colour.LEVELS - 1)
    for _ in range(300):
        x, y = int(rng.integers(stage.x, stage.right)), int(rng.integers(stage.y, stage.bottom))
        unit = VIEW.unit_at(state, (x, y))
        if unit is None:
            edge = any(VIEW.unit_at(state, (x + dx, y + dy)) is not None for dx in AROUND for dy in AROUND)
            assert tuple(pixels[x, y]) == (canvas.theme.line if edge else canvas.theme.background)
            continue
        seen += 1
        levels = np.flatnonzero((colours == pixels[x, y]).all(axis=1))
        assert np.abs(levels - truth[unit]).min() <= 1
        assert (ramp == pixels[x, y]).all(axis=1).any()  # the bar shows the very same colour
    assert seen > 50


def test_ctrl_drag_sets_window_and_level_and_w_lets_the_values_choose_again(told: Desk) -> None:
    told.play("c c")  # viridis: a level can be set
    low, high = limits(told)
    drag(told, 100, 0, pygame.KMOD_CTRL)
    wide_low, wide_high = limits(told)
    assert wide_high - wide_low == pytest.approx((high - low) * np.exp(0.5), rel=1e-3)
    assert (wide_low + wide_high) / 2 == pytest.approx((low + high) / 2, abs=1e-3)
    assert "window set by hand" in texts(told)
    drag(told, 0, -50, pygame.KMOD_CTRL)
    assert limits(told)[0] > wide_low
    assert limits(told)[1] - limits(told)[0] == pytest.approx(wide_high - wide_low)
    told.play("w")
    assert limits(told) == (low, high)
    assert "percentile" in texts(told)


def test_zero_stays_in_the_middle_of_a_diverging_map_whatever_is_dragged(told: Desk) -> None:
    drag(told, -60, -80, pygame.KMOD_CTRL)
    low, high = limits(told)
    assert low == -high


def test_a_drag_without_ctrl_moves_the_picture(told: Desk) -> None:
    before = limits(told)
    drag(told, 40, 20)
    assert told.state.pane.camera is not None
    assert limits(told) == before


@pytest.fixture(params=[2, 3])
def fine(request: pytest.FixtureRequest, server: SyntheticServer, table: Bindings) -> Iterator[Desk]:
    desk = Desk(server, Options(scale=request.param, width=900, height=600), table)
    desk.play(STORY_TOLD)
    yield desk
    desk.close()


def test_a_fine_screen_shows_the_same_layout_with_more_pixels(fine: Desk) -> None:
    scale, size = fine.window.canvas.scale, fine.state.window.size
    assert size == (900, 600)
    assert fine.window.canvas.surface.get_size() == (scale * 900, scale * 600)
    assert all(text.taken.right <= 900 and text.taken.bottom <= 600 for text in fine.window.canvas.written)


def test_on_a_fine_screen_a_unit_is_hit_where_it_is_drawn(fine: Desk) -> None:
    fine.play("g click:unit=127")
    assert fine.state.selection.units == {(4, 127)}
    fine.play("escape")
    box, scale = VIEW.box_of(fine.state, 200), fine.window.canvas.scale
    picture = picture_of(fine.state, fine.session.store)
    assert box is not None
    assert picture is not None
    fine.window.draw()
    ink = palette(fine.state.look.colour_map, fine.window.canvas.theme)[picture.levels[200]]
    for x, y in ((box.x, box.y), (box.right - 1, box.bottom - 1)):
        for corner in (0, scale - 1):
            at = (scale * x + corner, scale * y + corner)
            assert fine.window.canvas.surface.get_at(at)[:3] == ink


def test_a_fine_window_is_resized_in_the_layouts_pixels(fine: Desk) -> None:
    scale = fine.window.canvas.scale
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, w=scale * 1000, h=scale * 700, size=(0, 0)))
    fine.window.frame()
    assert fine.state.window.size == (1000, 700)
    assert fine.window.canvas.surface.get_size() == (scale * 1000, scale * 700)


@pytest.mark.parametrize("keys", ["", "/", "o", "a", "v"])
def test_a_window_that_is_made_too_small_is_drawn_back(told: Desk, keys: str) -> None:
    told.play(keys)
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, w=70, h=120, size=(70, 120)))
    told.window.frame()
    assert told.state.window.size == told.window.canvas.surface.get_size() == (480, 360)


def test_a_full_disk_at_a_screenshot_is_told_and_the_viewer_lives_on(
    told: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, mode: str) -> object:
        return open("/dev/full", "wb")  # noqa: PTH123 - `Path.open` is what is replaced

    monkeypatch.setattr(Path, "open", full)
    told.play("s")
    assert "no space left" in told.state.overlays.notice
    assert told.state.overlays.warning
    monkeypatch.undo()
    told.play("down")
    assert told.state.pane.layer == 5


def test_no_screenshot_is_written_over(told: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "-now")
    told.play("s s s")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "llmri-now-2.png",
        "llmri-now-3.png",
        "llmri-now.png",
    ]


def test_a_folder_that_is_none_at_a_screenshot_is_told(told: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    told.window.shot_file = tmp_path / "file" / "shot.png"
    told.play("s")
    assert "cannot be saved" in told.state.overlays.notice
    assert told.state.overlays.warning


def test_a_view_that_fails_says_so_in_its_place_and_the_rest_is_drawn(
    told: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    known = scene.painters()
    monkeypatch.setattr(scene, "painters", lambda: {**known, "grid": broken})
    for _ in range(3):
        shown = texts(told)
        assert "This view cannot be drawn" in shown
        assert "ZeroDivisionError: by nothing" in shown
        assert "layer · rms" in shown
    assert len(caplog.records) == 1


def test_with_nothing_new_nothing_is_drawn(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    deadline = time.monotonic() + 20
    while told.session.meter.rate(time.time()) and time.monotonic() < deadline:
        time.sleep(0.05)
    told.play("escape")
    time.sleep(0.3)  # the meters' figures are held for that long
    told.window.frame()
    drawn: list[int] = []
    monkeypatch.setattr(told.window, "draw", lambda: drawn.append(1))
    for _ in range(5):
        told.window.frame()
    assert not drawn


def test_the_time_of_scans_and_frames_is_shown_on_demand(desk: Desk) -> None:
    desk.play(STORY_TOLD)
    timings, now = desk.session.meter.timings, time.time()
    assert 0 < max(timings.frames(now)) < 5
    assert len(timings.delays(now)) >= 36
    assert "scan shown after" not in texts(desk)
    desk.play("f2")
    assert "scan shown after" in texts(desk)


def test_news_from_the_server_end_the_windows_rest(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "LOOK_SECONDS", 10.0)
    told.window._awake.clear()
    told.server.speak()
    told.window._rest()
    assert told.window._awake.is_set()


def test_what_a_person_does_ends_the_windows_rest(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "REST_SECONDS", math.inf)
    told.window._awake.clear()
    pygame.event.clear()
    pressed = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_a)
    threading.Timer(0.05, pygame.event.post, [pressed]).start()
    told.window._rest()
    assert pygame.event.peek(pygame.KEYDOWN)
