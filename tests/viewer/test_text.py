"""Text keeps to its place, and says what fonts cannot draw."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from llmri_viewer import face
from llmri_viewer.atlas import Atlas
from llmri_viewer.bindings import Bindings
from llmri_viewer.drawing.canvas import Written
from llmri_viewer.drawing.fonts import Fonts
from llmri_viewer.geometry import Box
from llmri_viewer.options import Options
from tests.viewer import clusters
from tests.viewer.conftest import Desk
from tests.viewer.synthetic import STORY, SyntheticServer

SIZES = ["1280x800", "900x600", "1100x640", "640x400", "1920x1200"]
SCENES = [
    "click:unit=127 b wait:edits add:unit=128 add:unit=400 add:unit=9 x wait:edits down b",
    "p l d click:unit=511 left",
    "t type:a_rather_long_question_that_no_box_of_this_window_could_ever_hold_in_one_line_without_scrolling",
    "f1",
    "tab sleep:0.1 c c c",
    "o",
    "h",
]
CLUSTER_SCENES = [
    "o",
    "o click:cluster=16 add:cluster=5 x wait:edits",
    "o double:cluster=5 sleep:0.4 + +",
    "o click:cluster=38 f1",
    "h click:unit=200",
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
    if desk.state.help:
        at = next(i for i, text in enumerate(written) if text.text == "Keys")
        written = written[at:]
    check(written, face.of(desk.state.size).window)


@pytest.mark.parametrize("size", [*SIZES, "560x900"])
@pytest.mark.parametrize("scene", CLUSTER_SCENES)
def test_no_text_of_clusters_leaves_its_box_or_covers_another(
    server: SyntheticServer, table: Bindings, size: str, scene: str
) -> None:
    desk = Desk(server, Options(), table, Atlas.of(clusters.few()))
    desk.play(f'size:{size} wait:connected say:"Tell me a story" wait:turn_end {scene}')
    desk.land()
    written = desk.window.canvas.written
    if desk.state.help:
        written = written[next(i for i, text in enumerate(written) if text.text == "Keys") :]
    check(written, face.of(desk.state.size).window)
    desk.close()


@pytest.mark.parametrize("size", SIZES)
def test_no_text_of_the_empty_window_leaves_its_box(desk: Desk, size: str) -> None:
    desk.play(f"size:{size}")
    desk.window.draw()
    check(desk.window.canvas.written, face.of(desk.state.size).window)
    desk.play("wait:connected")
    desk.window.draw()
    check(desk.window.canvas.written, face.of(desk.state.size).window)


@pytest.mark.parametrize("size", ["1280x800", "900x600"])
def test_the_help_is_whole(desk: Desk, size: str) -> None:
    desk.play(f"size:{size} wait:connected f1")
    written = {text.text for text in desk.window.canvas.written}
    for row in desk.table.rows:
        assert row.description in written
        assert row.shown_keys in written


def test_what_a_font_lacks_is_written_as_its_escape(desk: Desk) -> None:
    fonts = desk.window.canvas.fonts
    assert fonts.safe("né → ж") == "né → ж"
    assert fonts.safe("日\x07🦊") == "\\u65e5\\x07\\U0001f98a"
    assert fonts.safe("a\nb\tc") == "a↵b⇥c"


def test_long_text_is_cut_with_an_ellipsis_at_the_last_pixel_that_fits(desk: Desk) -> None:
    fonts: Fonts = desk.window.canvas.fonts
    text = "the quick brown fox jumps over the lazy dog"
    for room in (0, 5, 40, 100, 1000):
        fitted = fonts.fitted(text, "sans", 13, room)
        assert fonts.width(fitted, "sans", 13) <= room
        assert fitted == text or not fitted or fitted.endswith("…")


def test_a_turns_tokens_are_all_reachable_in_the_strip(desk: Desk) -> None:
    desk.play('wait:connected say:"Tell me" wait:turn_end')
    desk.play("size:640x400")
    scanned = desk.session.store.moments(1, "mlp_act")
    for token in reversed(scanned[:-1]):
        desk.play(f"left click:token={token}")
        assert desk.state.at == (1, token)
