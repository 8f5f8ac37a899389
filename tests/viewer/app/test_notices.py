"""Notices go by themselves, keys clear them, a moving mouse does not; so does the hint of the first run."""

import re
from dataclasses import replace
from pathlib import Path

import pygame
import pytest

from llmri_look.keys import bindings
from llmri_protocol.messages import Error, Notice
from llmri_viewer.app import user_paths
from llmri_viewer.app.application import NoticeClock, notice_seconds
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.options import Options
from tests.viewer.conftest import Desk
from tests.viewer.synthetic import SyntheticServer

LONG = "unit 127 of layer 4 at mlp_act is protected: " + "its largest value is 310 times the others', " * 5


def move(desk: Desk, at: tuple[int, int]) -> None:
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=at, rel=(1, 1), buttons=(0, 0, 0)))
    desk.window.frame()


def test_a_warning_shows_longer_than_news_and_a_long_text_longer_than_a_short_one() -> None:
    assert (
        notice_seconds("saved", warning=False)
        < notice_seconds("saved", warning=True)
        < notice_seconds(LONG, warning=True)
    )


def test_a_notice_goes_when_its_time_is_over(told: Desk) -> None:
    told.session.tell("saved a.png")
    told.session.glide(notice_seconds("saved a.png", warning=False) - 0.1)
    assert told.state.overlays.notice == "saved a.png"
    told.session.glide(0.2)
    assert told.state.overlays.notice == ""


def test_a_notice_told_again_has_its_whole_time_again(told: Desk) -> None:
    event = Notice(level="warning", message="slow")
    told.session.receive(event)
    whole = notice_seconds("slow", warning=True)
    told.session.glide(whole - 0.1)
    told.session.receive(event)
    told.session.glide(whole - 0.1)
    assert told.state.overlays.notice == "slow"


def test_other_messages_do_not_make_a_notice_last(told: Desk) -> None:
    told.session.receive(Error(code="refused", message="no", id=1))
    told.session.glide(notice_seconds("no", warning=True) - 0.1)
    told.server.speak("again")
    told.play("wait:turn_end")
    told.session.glide(0.2)
    assert told.state.overlays.notice == ""


def test_a_moving_mouse_leaves_a_notice_and_a_key_clears_it(told: Desk) -> None:
    told.play("escape b")
    assert told.state.overlays.notice
    view = window_parts.of(told.state.window.size).view
    move(told, (view.x + 20, view.y + 20))
    assert told.state.window.pointer == (view.x + 20, view.y + 20)
    assert told.state.overlays.notice
    told.play("up")
    assert told.state.overlays.notice == ""


def test_a_notices_end_is_one_redraw_and_then_there_is_none(
    told: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    original = told.window.draw

    def draw() -> None:
        drawn.append(told.state.overlays.notice)
        original()

    monkeypatch.setattr(told.window, "draw", draw)
    told.session.tell("saved")
    told.window.frame()
    told.session.glide(60)
    for _ in range(5):
        told.window.frame()
    assert drawn == ["saved", ""]


@pytest.mark.parametrize("size", ["900x600", "1280x800", "1920x1080"])
@pytest.mark.parametrize("typing", ["", "t type:hello"])
def test_a_long_notice_is_whole_and_leaves_the_view_alone(told: Desk, size: str, typing: str) -> None:
    told.play(f"size:{size} {typing}")
    told.session.tell(LONG, warning=True)
    told.window.draw()
    written = told.window.canvas.written
    parts = window_parts.of(told.state.window.size)
    below = [text for text in written if text.taken.y >= parts.below.y]
    whole = " ".join(text.text for text in below)
    assert LONG.strip() in whole
    assert not any("…" in text.text for text in below if text.text in LONG)
    if typing:
        assert "hello" in [text.text for text in written], "what is typed stays in sight"


def test_the_clock_counts_only_while_something_shows(told: Desk) -> None:
    clock = NoticeClock()
    assert not clock.over(100.0)
    clock.see(replace(told.state, overlays=replace(told.state.overlays, notice="now")))
    assert not clock.over(0.1)
    assert clock.over(100.0)


def test_the_first_hint_shows_four_keys_of_the_table_until_one_is_pressed(told: Desk) -> None:
    told.session.state = replace(told.state, overlays=replace(told.state.overlays, hint=True))
    told.window.draw()
    written = [text.text for text in told.window.canvas.written]
    assert {"T", "Up  Down", "click", "F1"} <= set(written)
    move(told, (400, 300))
    assert told.state.overlays.hint
    told.play("up")
    assert not told.state.overlays.hint
    assert "To begin with" not in [text.text for text in told.window.canvas.written]


def test_that_the_hint_was_closed_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert user_paths.is_first_run()
    user_paths.remember_hint()
    assert not user_paths.is_first_run()


def test_where_nothing_can_be_written_the_hint_shows_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    user_paths.remember_hint()
    assert user_paths.is_first_run()


OWN = """
[[binding]]
keys = ["f9"]
command = "chat.open"

[[binding]]
keys = ["f10"]
command = "help.toggle"
"""


@pytest.mark.parametrize("view", ["", "h", "o", "f", "n", "a", "k", "v"])
def test_what_to_do_next_is_told_with_the_keys_as_they_are_bound(
    server: SyntheticServer, tmp_path: Path, view: str
) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(OWN)
    desk = Desk(server, Options(), bindings.load(file))
    desk.play(f"wait:connected {view}")
    desk.window.draw()
    written = " ".join(text.text for text in desk.window.canvas.written)
    assert "F9" in written
    assert "F10" in written
    assert "{" not in written
    assert not re.search(r"\bT\b|\bF1\b", written)
    desk.close()
