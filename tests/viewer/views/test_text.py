"""Text keeps to its place, and says what fonts cannot draw."""

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

import pytest

from llmri_look.keys.bindings import Bindings
from llmri_look.keys.keysheet import sections_for
from llmri_viewer.drawing.canvas import Written
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.drawing.overlays import help as help_overlay
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.options import Options
from tests.viewer import clusters
from tests.viewer.conftest import Desk
from tests.viewer.synthetic import STORY, SyntheticServer

SIZES = ["1280x800", "900x600", "1100x640", "640x400", "1920x1200", "3840x2160"]
SCENES = [
    "click:unit=127 b wait:edits add:unit=128 add:unit=400 add:unit=9 x wait:edits down b",
    "p l d click:unit=511 left",
    "t type:a_rather_long_question_that_no_box_of_this_window_could_ever_hold_in_one_line_without_scrolling",
    "f1",
    "tab sleep:0.1 c c c",
    "o",
    "h",
    "f",
    "n",
    "a",
    "k",
    "v",
    "space f2 / type:unit",
]
CLUSTER_SCENES = [
    "o",
    "o click:cluster=16 add:cluster=5 x wait:edits",
    "o double:cluster=5 sleep:0.4 + +",
    "o click:cluster=38 f1",
    "o add:cluster=5 point:cluster=16 d",
    "h click:unit=200",
    "h point:100,590 d",
]


@pytest.fixture
def server() -> Iterator[SyntheticServer]:
    odd = (" supercalifragilistic" * 6, "\n", "\t", "日本", "🦊", "\x07", "e\u0301", "", " ", *STORY)
    with SyntheticServer(name="a-model-whose-name-goes-on-and-on-instruct-70b-v2", story=odd) as running:
        yield running


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.right
        and other.x < one.right
        and one.y + 2 < other.bottom - 2
        and other.y + 2 < one.bottom - 2
    )


def check(written: list[Written], window: Box) -> None:
    assert written
    for text in written:
        assert text.taken.width <= text.room.width, text
        assert text.taken.x >= text.room.x, text
        assert text.taken.x >= 0, text
        assert text.taken.right <= window.right, text
        assert text.taken.bottom <= window.bottom + 1, text
    for one, other in combinations(written, 2):
        assert not overlap(one.taken, other.taken), (one, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_no_text_leaves_its_box_or_covers_another(desk: Desk, size: str, scene: str) -> None:
    desk.play(f'size:{size} wait:connected say:"Tell me a story" wait:turn_end {scene}')
    desk.window.draw()
    written = desk.window.canvas.written
    check(written, window_parts.of(desk.state.window.size).window)


@pytest.mark.parametrize("size", [*SIZES, "560x900"])
@pytest.mark.parametrize("scene", CLUSTER_SCENES)
def test_no_text_of_clusters_leaves_its_box_or_covers_another(
    server: SyntheticServer, table: Bindings, size: str, scene: str
) -> None:
    desk = Desk(server, Options(), table, Atlas.of(clusters.few()))
    desk.play(f'size:{size} wait:connected say:"Tell me a story" wait:turn_end {scene}')
    desk.land()
    check(desk.window.canvas.written, window_parts.of(desk.state.window.size).window)
    desk.close()


@pytest.mark.parametrize("size", ["900x600", "1280x800"])
@pytest.mark.parametrize("scale", [2, 3])
def test_no_text_leaves_its_box_on_a_fine_screen(
    server: SyntheticServer, table: Bindings, size: str, scale: Literal[2, 3]
) -> None:
    desk = Desk(server, Options(scale=scale), table)
    desk.play(f'size:{size} wait:connected say:"Tell me a story" wait:turn_end')
    for scene in ("click:unit=127 b wait:edits", "a", "f", "k", "f1"):
        desk.play(scene)
        desk.window.draw()
        check(desk.window.canvas.written, window_parts.of(desk.state.window.size).window)
    desk.close()


@pytest.mark.parametrize("size", SIZES)
def test_no_text_of_the_empty_window_leaves_its_box(desk: Desk, size: str) -> None:
    desk.play(f"size:{size}")
    desk.window.draw()
    check(desk.window.canvas.written, window_parts.of(desk.state.window.size).window)
    desk.play("wait:connected")
    desk.window.draw()
    check(desk.window.canvas.written, window_parts.of(desk.state.window.size).window)


@pytest.mark.parametrize("view", ["", "o", "f"])
@pytest.mark.parametrize(("size", "most"), [("900x600", 2), ("1280x800", 1), ("1920x1080", 1)])
def test_the_help_is_whole_over_its_pages(desk: Desk, size: str, most: int, view: str) -> None:
    desk.play(f"size:{size} wait:connected {view} f1")
    written: list[str] = []
    for _ in range(most):
        written += [text.text for text in desk.window.canvas.written]
        check(desk.window.canvas.written, window_parts.of(desk.state.window.size).window)
        desk.play("right")
    assert not any("…" in text for text in written if text != "1 … 9")
    for sections in sections_for(desk.table, desk.state.view_mode):
        for line in (line for section in sections for line in section.lines):
            assert line.description in written
            assert line.shown_keys in written


def test_the_keys_of_the_shown_view_come_first_in_the_help(desk: Desk) -> None:
    desk.play("wait:connected o f1")
    titles = [text.text for text in desk.window.canvas.written if text.text in {"Among the circles", "Look"}]
    assert titles == ["Among the circles", "Look"]


def test_pages_of_the_help_turn_both_ways_and_begin_anew(desk: Desk) -> None:
    desk.play("size:900x600 wait:connected f1 left")
    assert "page 2 of 2" in " ".join(text.text for text in desk.window.canvas.written)
    desk.play("right right right f1 f1")
    assert "page 1 of 2" in " ".join(text.text for text in desk.window.canvas.written)


def test_long_text_is_cut_with_an_ellipsis_at_the_last_pixel_that_fits(desk: Desk) -> None:
    fonts: Fonts = desk.window.canvas.fonts
    text = "the quick brown fox jumps over the lazy dog"
    for room in (0, 5, 40, 100, 1000):
        fitted = fonts.fitted(text, "sans", 13, room)
        assert fonts.width(fitted, "sans", 13) <= room
        assert fitted == text or not fitted or fitted.endswith("…")


def test_a_word_longer_than_a_line_goes_on_in_the_next(desk: Desk) -> None:
    fonts: Fonts = desk.window.canvas.fonts
    lines = fonts.wrapped("cannot write " + "x" * 200, "sans", 13, 300)
    assert "".join(lines[1:]).endswith("x" * 100)
    assert all(fonts.width(line, "sans", 13) <= 300 for line in lines)


def test_a_turns_tokens_are_all_reachable_in_the_strip(desk: Desk) -> None:
    desk.play('wait:connected say:"Tell me" wait:turn_end')
    desk.play("size:640x400")
    scanned = desk.session.store.moments(1, "mlp_act")
    for token in reversed(scanned[:-1]):
        desk.play(f"left click:token={token}")
        assert desk.state.time.at == (1, token)


@pytest.mark.parametrize("height", [-100, 0, 20])
def test_the_help_ends_even_where_it_has_no_room(desk: Desk, height: int) -> None:
    desk.play("wait:connected f1")
    shown = help_overlay._columns(help_overlay._blocks(desk.table, desk.state.view_mode), height, 20)
    assert all(len(block.lines) == 1 for column in shown for block in column)
