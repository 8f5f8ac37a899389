"""Going to a place by typing it: what is understood, what is refused, and what moves."""

from itertools import combinations

import pytest

from llmri_viewer import views
from llmri_viewer.model.goto import ClusterPlace, LayerPlace, MomentPlace, UnitPlace, read
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.layout import window_parts
from tests.viewer.conftest import Desk

FOX = 7 + 7  # the story's eighth word, after a prompt of seven
UNDERSTOOD = [
    ("127", UnitPlace(4, 127)),
    ("u127", UnitPlace(4, 127)),
    ("unit 127", UnitPlace(4, 127)),
    ("2:127", UnitPlace(2, 127)),
    ("l2u127", UnitPlace(2, 127)),
    ("Layer 2, unit 127", UnitPlace(2, 127)),
    ("l2 u127", UnitPlace(2, 127)),
    ("l7", LayerPlace(7)),
    ("layer 0", LayerPlace(0)),
    ("t12", MomentPlace(TokenRef(1, 12))),
    ("token 12", MomentPlace(TokenRef(1, 12))),
    ("1.12", MomentPlace(TokenRef(1, 12))),
    ("turn 1 token 12", MomentPlace(TokenRef(1, 12))),
    ("turn 1", MomentPlace(TokenRef(1, 0))),
    ('"Pip"', MomentPlace(TokenRef(1, FOX + 2))),
    ("silver", MomentPlace(TokenRef(1, FOX + 5))),
    ('"small FOX', MomentPlace(TokenRef(1, FOX - 1))),
]
REFUSED = [
    ("600", "unit 600: a layer at mlp_act has 0 to 511"),
    ("l9", "layer 9: this model has 0 to 7"),
    ("9:3", "layer 9: this model has 0 to 7"),
    ("t99", "token 99: turn 1 has 0 to 42"),
    ("7.1", "turn 7: turns 1 to 1 are kept"),
    ("c3", "there are no clusters yet"),
    ('"dragon"', "no token of the kept turns has “dragon”"),
    ("dragon", "“dragon” is no place"),
    ("-3", "“-3” is no place"),
]


@pytest.mark.parametrize(("typed", "place"), UNDERSTOOD)
def test_a_place_is_understood_however_it_is_written(told: Desk, typed: str, place: object) -> None:
    told.play("home")
    assert read(typed, told.state, told.session.store).destination == place


@pytest.mark.parametrize(("typed", "sentence"), REFUSED)
def test_a_mistake_is_answered_with_what_there_is_and_nothing_moves(
    told: Desk, typed: str, sentence: str
) -> None:
    told.play("/")
    told.play(f"type:{typed}" if '"' not in typed else f"type:'{typed}'")
    before = told.state
    told.play("return")
    assert told.state.typing.goto == typed
    assert sentence in told.state.overlays.notice
    assert told.state.overlays.warning
    assert told.state.noticing("") == before.noticing("")
    told.window.draw()
    assert any(text.text.startswith(sentence[:20]) for text in told.window.canvas.written)


@pytest.mark.parametrize("typed", ["l", "lay", "layer ", "4:", "c", "t", "tok", "turn", "1.", '"', "u"])
def test_what_is_only_begun_is_no_mistake_yet(told: Desk, typed: str) -> None:
    reading = read(typed, told.state, told.session.store)
    assert (reading.destination, reading.wrong) == (None, typed == "c")


def test_keys_are_letters_while_a_place_is_typed_and_escape_goes_nowhere(told: Desk) -> None:
    before = told.state
    told.play("/ q 4 backspace x")
    assert told.state.typing.goto == "qx"
    told.play("escape")
    assert told.state.typing.goto is None
    assert (told.state.pane.layer, told.state.selection.units, told.state.window.quit) == (
        before.pane.layer,
        before.selection.units,
        False,
    )


def test_going_to_a_unit_selects_it_in_its_layer_and_brings_it_in_sight(told: Desk) -> None:
    told.play("+ + + + + + + + / type:2:511 return")
    assert (told.state.pane.layer, set(told.state.selection.units), told.state.typing.goto) == (
        2,
        {(2, 511)},
        None,
    )
    view = views.of(told.state)
    box, stage = view.box_of(told.state, 511), view.stage(told.state)
    assert box is not None
    assert stage.holds(box.x, box.y)
    assert stage.holds(box.right - 1, box.bottom - 1)
    camera = told.state.pane.camera
    told.play("/ type:510 return")
    assert told.state.pane.camera == camera, "it was in sight already"


def test_going_to_a_layer_or_a_token_moves_there(told: Desk) -> None:
    told.play("/ type:l7 return")
    assert told.state.pane.layer == 7
    told.play("/ type:t3 return")
    assert (told.state.time.at, told.state.time.paused) == (TokenRef(1, 3), True)


def test_searching_again_goes_on_to_the_next_and_around_over_the_turns(told: Desk) -> None:
    told.play("say:again wait:turn_end home")
    seen = []
    for _ in range(4):
        told.play("/ type:'\"fox\"' return")
        seen.append(told.state.time.at)
    assert seen == [TokenRef(1, 5), TokenRef(1, FOX), TokenRef(2, FOX - 4), TokenRef(1, 5)]


def test_going_to_a_cluster_selects_it_and_flies_there(clustered: Desk) -> None:
    clustered.play("h h / type:c5 return")
    clustered.land()
    atlas = clustered.state.atlas
    assert atlas is not None
    assert read("c5", clustered.state, clustered.session.store).destination == ClusterPlace(5)
    assert (clustered.state.pane.view, clustered.state.selection.picked) == ("circles", 5)
    assert clustered.state.selection.units == atlas.places(5)
    assert clustered.state.pane.focus == atlas.cluster_group[5]


@pytest.mark.parametrize("key", ["k", "h", "o"])
def test_a_unit_is_shown_in_the_grid_where_the_view_has_no_place_for_it(told: Desk, key: str) -> None:
    told.play(f"{key} / type:2:3 return")
    assert (told.state.pane.view, told.state.pane.layer, set(told.state.selection.units)) == (
        "grid",
        2,
        {(2, 3)},
    )


def test_text_is_pasted_with_its_line_ends_as_spaces(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pygame.scrap.get_text", lambda: "l3\n")
    told.play("/ ctrl+v")
    assert told.state.typing.goto == "l3"
    monkeypatch.setattr("pygame.scrap.get_text", lambda: "你好\r\nworld")
    told.play("escape t ctrl+v")
    assert told.state.typing.chat == "你好 world"
    told.play("ctrl+v backspace")
    assert told.state.typing.chat == "你好 world你好 worl"


@pytest.mark.parametrize("size", ["900x600", "640x400", "1920x1080"])
@pytest.mark.parametrize("typed", ["", "type:c", "type:" + "9" * 200, "type:l9 return"])
def test_the_box_keeps_its_text_inside_and_apart(told: Desk, size: str, typed: str) -> None:
    told.play(f"size:{size} / {typed}")
    told.window.draw()
    written = told.window.canvas.written
    box = written[next(at for at, text in enumerate(written) if text.text == "Go to") :]
    assert len(box) >= 3
    view = window_parts.of(told.state.window.size).view
    for text in box:
        assert view.x <= text.taken.x
        assert text.taken.right <= min(view.right, text.room.right)
    for one, other in combinations(box, 2):
        apart = one.taken.right <= other.taken.x or other.taken.right <= one.taken.x
        assert apart or abs(one.taken.y - other.taken.y) >= 12, (one, other)
