"""The film of the window: what was seen, for as long as it was, in bounded memory, off the frame loop."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from llmri_viewer.files.film import HIGHEST, SECONDS_MOST, WAITING_MOST, WIDEST, Film, FilmFrame, scaled
from tests.viewer.conftest import Desk


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shot(colour: tuple[int, int, int], at: float, size: tuple[int, int] = (64, 40)) -> FilmFrame:
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    rgb[10:20, 10:30] = colour
    return FilmFrame(size, rgb.tobytes(), at)


def put(film: Film, one: FilmFrame) -> None:
    """Hand a picture over once there is room, as the frame loop does by trying again."""
    while not film.wants(one.at):
        time.sleep(0.001)
    film.take(one)


def test_a_film_shows_each_picture_for_as_long_as_it_was_seen(folder: Path) -> None:
    path = folder / "film.gif"
    film = Film(path)
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    for colour, at in zip(colours, (0.0, 0.5, 0.6), strict=True):
        put(film, shot(colour, at))
    film.end(2.6)
    assert film.done(10)
    with Image.open(path) as read:
        frames = [(frame.convert("RGB").getpixel((15, 15)), frame.info["duration"]) for frame in
                  ImageSequence.Iterator(read)]  # fmt: skip
        assert read.info["loop"] == 0
        assert read.size == (64, 40)
    assert [duration for _, duration in frames] == [500, 100, 2000]
    for (seen, _), colour in zip(frames, colours, strict=True):
        assert np.abs(np.asarray(seen, np.int16) - np.asarray(colour, np.int16)).max() < 8


def test_a_picture_that_did_not_change_takes_no_frame(folder: Path) -> None:
    film = Film(folder / "film.gif")
    for at in (0.0, 0.2, 0.4, 0.6):
        put(film, shot((9, 9, 9) if at < 0.5 else (200, 9, 9), at))
    film.end(1.0)
    assert film.done(10)
    assert film.frames == 2
    with Image.open(film.path) as read:
        assert read.info["duration"] == 600


def test_a_large_window_is_scaled_down_and_another_size_fitted_in(folder: Path) -> None:
    assert scaled(shot((1, 1, 1), 0.0, (3840, 2160))).size == (WIDEST, round(WIDEST * 9 / 16))
    assert scaled(shot((1, 1, 1), 0.0, (900, 3000))).size == (round(HIGHEST * 0.3), HIGHEST)
    film = Film(folder / "film.gif")
    put(film, shot((9, 9, 9), 0.0))
    put(film, shot((9, 9, 9), 0.5, (200, 300)))
    film.end(1.0)
    assert film.done(10)
    with Image.open(film.path) as read:
        assert {frame.size for frame in ImageSequence.Iterator(read)} == {(64, 40)}


def test_no_more_pictures_are_taken_than_it_can_write_or_show(folder: Path) -> None:
    film = Film(folder / "film.gif")
    assert film.wants(0.0)
    film.take(shot((9, 9, 9), 0.0))
    assert not film.wants(0.01)
    assert not film.wants(SECONDS_MOST)
    assert film.over(SECONDS_MOST)
    film.end(1.0)
    assert film.done(10)


def test_the_frame_loop_never_waits_for_the_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr("llmri_viewer.files.film.scaled", lambda one: gate.wait(20) and scaled(one))
    film = Film(folder / "film.gif")
    taken = 0
    for at in range(20):
        if film.wants(float(at)):
            film.take(shot((10 * at, 0, 0), float(at)))
            taken += 1
    assert WAITING_MOST <= taken <= WAITING_MOST + 1
    film.end(30.0)
    assert not film.done()
    gate.set()
    assert film.done(10)
    assert film.frames == taken


def test_r_records_what_is_drawn_and_r_again_writes_it(told: Desk, folder: Path) -> None:
    told.play("r sleep:0.2")
    assert told.state.overlays.recording
    assert any(text.text.startswith("recording 00:0") for text in told.window.canvas.written)
    told.play("c sleep:0.2 down sleep:0.2 left sleep:0.2 r")
    assert not told.state.overlays.recording
    told.window.effect_runner.finish()
    (path,) = folder.iterdir()
    assert told.state.overlays.notice.startswith(f"recorded {path.name}, ")
    with Image.open(path) as read:
        assert read.size == (960, 600)
        assert getattr(read, "n_frames", 1) >= 4
        last = np.asarray(list(ImageSequence.Iterator(read))[-1].convert("RGB"), np.int16)
    shown = np.frombuffer(told.window.effect_runner._desktop.rgb()[1], np.uint8).reshape(800, 1280, 3)
    small = np.asarray(Image.fromarray(shown).resize((960, 600), Image.Resampling.BOX), np.int16)
    assert np.abs(last - small)[60:560].mean() < 3, "but for the flag and the notice it is what was shown"


def test_closing_the_window_ends_the_film_and_keeps_it(told: Desk, folder: Path) -> None:
    told.play("r sleep:0.2 down sleep:0.2")
    told.window.effect_runner.close()
    (path,) = folder.iterdir()
    with Image.open(path) as read:
        read.load()


def test_nothing_recorded_is_said_and_leaves_no_file(folder: Path) -> None:
    film = Film(folder / "film.gif")
    film.end(0.0)
    assert film.done(10)
    assert film.fault == "nothing was drawn meanwhile"
    assert list(folder.iterdir()) == []
