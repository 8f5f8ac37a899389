"""Every operation in the window: words, marks, the set's name, and the stale cache."""

import pytest

from llmri_look.edit_effects import EditEffect, effect_of
from llmri_look.edit_words import amount, conditions, where
from llmri_look.words import TIMES
from llmri_protocol.messages import Edit, Edits, Notice, Schedule
from llmri_viewer.drawing.panels.edits import STALE
from llmri_viewer.drawing.panels.layers import layers_of
from llmri_viewer.model.state_groups import Standing
from llmri_viewer.scripts.pilot import Pilot
from tests.viewer.conftest import Desk

WIDTH = 192
EVERY = (
    Edit(site="mlp_act", layer=4, units=(127,), value=1.5),
    Edit(site="mlp_act", layer=4, units=(3, 9), value=0.0, positions="last"),
    Edit(site="mlp_act", layer=4, units=(5,), op="add", value=0.3, since=12),
    Edit(site="mlp_act", layer=4, units=(6,), op="set", value=2.0, special=False),
    Edit(site="mlp_act", layer=5, units=(7,), op="mean", baseline="conversation"),
    Edit(site="mlp_act", layer=5, units=(8,), op="resample", positions=(4, 5, 6)),
    Edit(
        site="resid_post",
        layer=6,
        op="steer",
        value=-1.5,
        direction=(1.0,) * WIDTH,
        positions="generated",
        schedule=Schedule(first=2, tokens=8, ramp=4),
    ),
)


def tell(desk: Desk, *edits: Edit, name: str = "", stale: bool = False) -> set[str]:
    """Let edits stand, draw, and give the texts in the window."""
    desk.server.broadcast(
        Edits(edits=edits, revision=1, undoable=1, redoable=0, by="a", name=name, stale_cache=stale)
    )
    desk.play("wait:edits")
    return {text.text for text in desk.window.canvas.written}


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (EVERY[0], ("more", f"{TIMES} 1.5", "mlp_act layer 4, unit 127", "")),
        (EVERY[1], ("off", f"{TIMES} 0", "mlp_act layer 4, 2 units", "last position")),
        (EVERY[2], ("more", "+0.30", "mlp_act layer 4, unit 5", "from position 12")),
        (EVERY[3], ("other", "=2.00", "mlp_act layer 4, unit 6", "no special tokens")),
        (EVERY[4], ("other", "mean", "mlp_act layer 5, unit 7", "of this conversation")),
        (EVERY[5], ("other", "resample", "mlp_act layer 5, unit 8", "positions 4-6")),
        (
            EVERY[6],
            ("aimed", "steer -1.50", "resid_post layer 6", "reply tokens 2\N{EN DASH}9, ramp 4"),
        ),
    ],
    ids=lambda value: value.op if isinstance(value, Edit) else "",
)
def test_every_operation_has_a_mark_and_few_words(edit: Edit, told: tuple[EditEffect, str, str, str]) -> None:
    assert (effect_of(edit), amount(edit), where(edit), conditions(edit)) == told


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("scale", 0.5, "less"),
        ("scale", 1.0, "same"),
        ("scale", -1.0, "less"),
        ("add", -0.1, "less"),
        ("add", 0.0, "same"),
        ("set", 0.0, "off"),
    ],
)
def test_a_mark_tells_more_from_less_and_off(op: str, value: float, expected: EditEffect) -> None:
    edit = Edit(site="z", layer=0, units=(1,), op=op, value=value)  # type: ignore[arg-type]
    assert effect_of(edit) == expected


@pytest.mark.parametrize(("value", "text"), [(1e-9, "+1e-09"), (123456.0, "+1.2e+05"), (-0.0, "+0.00")])
def test_very_large_and_very_small_numbers_stay_short(value: float, text: str) -> None:
    assert amount(Edit(site="z", layer=0, units=(1,), op="add", value=value)) == text


def test_all_operations_are_drawn_in_every_view(clustered: Desk) -> None:
    shown = tell(clustered, *EVERY, name="no sums", stale=True)
    assert {"Edits: no sums", STALE} <= shown
    assert "steer -1.50" in shown
    clustered.play("o tab o + + + + +")
    clustered.play("h")


@pytest.mark.parametrize("size", ["1280x800", "1024x600", "900x420"])
def test_the_edits_never_run_into_what_is_beneath_them(clustered: Desk, size: str) -> None:
    clustered.play(f"click:cluster=1 size:{size}")
    tell(clustered, *EVERY, stale=True)
    written = clustered.window.canvas.written
    tops = {text.text: text.taken for text in written}
    beneath = tops.get("Next token")
    for words in (STALE, "steer -1.50", conditions(EVERY[-1])):
        if words in tops and beneath is not None:
            assert tops[words].bottom <= beneath.y


def test_of_more_edits_than_have_room_the_newest_are_shown(desk: Desk) -> None:
    desk.play("wait:connected")
    shown = tell(desk, *EVERY * 5)
    assert any(text.endswith(" earlier") for text in shown)
    assert "steer -1.50" in shown
    rows = [text.taken for text in desk.window.canvas.written if text.text == "steer -1.50"]
    assert all(taken.bottom <= desk.state.window.size[1] for taken in rows)


def test_without_edits_a_stale_cache_is_still_told(desk: Desk) -> None:
    desk.play("wait:connected")
    trained = "None: the model runs as it was trained."
    shown = tell(desk, stale=True)
    assert {STALE, "None now; U reads all anew"} <= shown
    assert trained not in shown
    shown = tell(desk)
    assert trained in shown
    assert STALE not in shown


def test_a_layer_is_marked_for_all_that_is_done_in_it() -> None:
    standing = Standing.of(Edits(edits=EVERY, revision=1, undoable=1, redoable=0, by="a"))
    assert layers_of(standing.edits, "mlp_act") == {4: {"more", "off", "other"}, 5: {"other"}}
    assert layers_of(standing.edits, "resid_post") == {6: {"aimed"}}


def test_an_edit_of_a_unit_that_was_found_protected_is_marked_and_no_other(told: Desk) -> None:
    ours, other = (Edit(site="mlp_act", layer=2, units=(unit, 8)) for unit in (7, 9))
    assert not any("protected" in text for text in tell(told, ours, other))
    found = "protected from now on: unit 7 of `mlp_act` in layer 2 (massive)"
    told.session.receive(Notice(level="warning", message=found))
    told.session.tell("")
    marked = [text for text in tell(told, ours, other) if "protected" in text]
    assert marked == ["1 protected unit"]


def test_a_careful_script_edits_only_when_the_search_is_over(told: Desk) -> None:
    told.pilot = Pilot(told.window, patience=20, careful=told.table.keys_for("edit.ablate"))
    told.session.receive(Notice(level="info", message="looking for protected units: 1 of 9 passes"))
    frame, frames = told.window.frame, []

    def counted() -> None:
        frames.append(len(told.state.editing.standing.edits))
        if len(frames) == 5:
            told.session.receive(Notice(level="info", message="no protected units were found"))
        frame()

    told.window.frame = counted  # type: ignore[method-assign]
    told.play("x wait:edits")
    assert frames[:5] == [0] * 5
    assert len(told.state.editing.standing.edits) == 1
