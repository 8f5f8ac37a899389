"""What keys and gestures lead to, beyond their row of the table: requests, answers and refusals."""

from dataclasses import replace

import pygame
import pytest

from llmri_protocol.messages import Chat, ClearInterventions, Intervene, Redo, Subscribe, Undo
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import fitting, grid_of
from llmri_viewer.model.state import Link
from tests.viewer.conftest import Desk


def sent(desk: Desk, kind: type) -> list[object]:
    return [message for message in desk.server.received if isinstance(message, kind)]


def multipliers(desk: Desk) -> dict[tuple[str, int, int], float]:
    return {place: edit.value for place, edit in desk.state.editing.standing.units.items()}


def test_boost_and_ablate_edit_the_selected_units_and_tints_come_from_the_server(told: Desk) -> None:
    told.play("b wait:edits")
    assert multipliers(told) == {("mlp_act", 4, 127): 1.5}
    told.play("] b wait:edits click:unit=3 add:unit=9 x wait:edits")
    assert multipliers(told) == {
        ("mlp_act", 4, 127): 1.75,
        ("mlp_act", 4, 3): 0.0,
        ("mlp_act", 4, 9): 0.0,
    }
    asked = sent(told, Intervene)[-1]
    assert isinstance(asked, Intervene)
    assert asked.edits[0].units == (3, 9)


def test_undo_redo_and_clear_reach_the_server_and_its_answer_is_shown(told: Desk) -> None:
    told.play("b wait:edits z wait:edits")
    assert (told.state.editing.standing.edits, told.state.editing.standing.redoable) == ((), 1)
    told.play("y wait:edits")
    assert told.state.editing.standing.undoable == 1
    told.play("\\ wait:edits")
    assert told.state.editing.standing.edits == ()
    assert [len(sent(told, kind)) for kind in (Undo, Redo, ClearInterventions)] == [1, 1, 1]


def test_a_refused_edit_tints_nothing_and_says_why(told: Desk) -> None:
    told.server.refuse = "a viewer may not edit"
    told.play("b wait:connected sleep:0.2")
    assert told.state.editing.standing.edits == ()
    assert (told.state.overlays.notice, told.state.overlays.warning) == ("a viewer may not edit", True)


def test_nothing_is_edited_where_nothing_is_selected(told: Desk) -> None:
    told.play("escape b")
    assert told.state.overlays.notice == "no unit is selected; click one first"
    assert not sent(told, Intervene)


def test_the_whole_selection_is_edited_in_one_request_with_one_edit_a_layer(told: Desk) -> None:
    told.play("add:unit=3 down down add:unit=9 add:unit=2 up b wait:edits")
    assert told.state.pane.layer == 5
    (asked,) = sent(told, Intervene)
    assert isinstance(asked, Intervene)
    assert [(edit.layer, edit.units, edit.value) for edit in asked.edits] == [
        (4, (3, 127), 1.5),
        (6, (2, 9), 1.5),
    ]
    assert set(told.state.editing.standing.units) == {
        ("mlp_act", layer, unit) for layer, unit in ((4, 3), (4, 127), (6, 2), (6, 9))
    }
    assert "4 units in 2 layers" in [text.text for text in told.window.canvas.written]


def test_a_site_that_cannot_be_edited_says_so(told: Desk) -> None:
    told.play('tab say:"again" wait:turn_end click:unit=1 x')
    assert "not edited" in told.state.overlays.notice
    assert not sent(told, Intervene)


def test_the_next_site_is_subscribed_with_all_its_layers(told: Desk) -> None:
    told.play("tab sleep:0.1")
    asked = sent(told, Subscribe)[-1]
    assert isinstance(asked, Subscribe)
    assert (asked.sites, asked.layers) == (("attn_out",), None)


def test_typing_reaches_the_model_and_keys_of_the_view_are_letters_meanwhile(desk: Desk) -> None:
    desk.play("wait:connected t type:hi q x b")
    assert desk.state.typing.chat == "hiqxb"
    desk.play("backspace return")
    assert desk.state.typing.chat == ""
    desk.play("wait:turn_end escape")
    assert desk.state.typing.chat is None
    asked = sent(desk, Chat)
    assert [message.text for message in asked if isinstance(message, Chat)] == ["hiqx"]


def test_the_arrows_walk_through_time_and_space_follows_again(told: Desk) -> None:
    newest = told.state.time.at
    told.play("left left left right")
    assert newest is not None
    assert told.state.time.at == TokenRef(1, newest.token - 2)
    told.play("space")
    assert (told.state.time.at, told.state.time.paused) == (newest, False)


def test_while_paused_new_scans_do_not_move_the_picture(told: Desk) -> None:
    told.play("space")
    held = told.state.time.at
    told.server.speak("again")
    told.play("wait:turn_end")
    assert told.state.time.at == held
    told.play("space")
    assert told.state.time.at is not None
    assert told.state.time.at.turn == 2


def test_shift_click_adds_a_unit_and_takes_it_out_again(told: Desk) -> None:
    told.play("add:unit=130")
    assert told.state.selection.units == {(4, 127), (4, 130)}
    told.play("add:unit=127")
    assert told.state.selection.units == {(4, 130)}


def test_clicking_a_layer_shows_it_and_clicking_a_token_goes_there(told: Desk) -> None:
    told.play("click:layer=6 click:token=12")
    assert (told.state.pane.layer, told.state.time.at, told.state.time.paused) == (6, TokenRef(1, 12), True)


def mouse(kind: int, at: tuple[int, int], rel: tuple[int, int] = (0, 0)) -> None:
    pygame.event.post(pygame.event.Event(kind, pos=at, rel=rel, buttons=(1, 0, 0), button=1))


def test_dragging_moves_the_picture_and_selects_nothing(told: Desk) -> None:
    view = window_parts.of(told.state.window.size).view
    start = (view.x + 300, view.y + 200)
    home = fitting(grid_of(512), view)
    mouse(pygame.MOUSEBUTTONDOWN, start)
    mouse(pygame.MOUSEMOTION, (start[0] + 40, start[1] + 25), (40, 25))
    mouse(pygame.MOUSEBUTTONUP, (start[0] + 40, start[1] + 25))
    told.window.frame()
    assert told.state.pane.camera == replace(home, x=home.x + 40, y=home.y + 25)
    assert told.state.selection.units == {(4, 127)}


def test_the_wheel_zooms_at_the_pointer_with_shift_only(told: Desk) -> None:
    told.play("point:unit=200")
    for mods, zoomed in ((pygame.KMOD_NONE, False), (pygame.KMOD_SHIFT, True)):
        pygame.key.set_mods(mods)
        pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, x=0, y=2))
        told.window.frame()
        assert (told.state.pane.camera is not None) == zoomed
    pygame.key.set_mods(pygame.KMOD_NONE)
    view, grid, pointer = (
        window_parts.of(told.state.window.size).view,
        grid_of(512),
        told.state.window.pointer,
    )
    assert told.state.pane.camera is not None
    assert pointer is not None
    assert told.state.pane.camera.unit_at(grid, view, *pointer) == 200


def test_dragging_along_the_scrubber_moves_through_time(told: Desk) -> None:
    box = window_parts.of(told.state.window.size).scrubber
    mouse(pygame.MOUSEBUTTONDOWN, (box.x + 2, box.y + 6))
    mouse(pygame.MOUSEMOTION, (box.x + 12, box.y + 6), (10, 0))
    mouse(pygame.MOUSEBUTTONUP, (box.x + 12, box.y + 6))
    told.window.frame()
    assert told.state.time.at == TokenRef(1, 0)


def test_a_resized_window_is_laid_out_anew(told: Desk) -> None:
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, w=900, h=600, size=(900, 600)))
    told.window.frame()
    assert told.state.window.size == told.window.canvas.surface.get_size() == (900, 600)


def test_letters_do_not_repeat_while_held_but_arrows_do(told: Desk) -> None:
    for key in (pygame.K_l, pygame.K_l, pygame.K_l, pygame.K_UP, pygame.K_UP):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=0, unicode=""))
    told.window.frame()
    assert told.state.look.log
    assert told.state.pane.layer == 2


@pytest.mark.parametrize("mods", [pygame.KMOD_RALT, pygame.KMOD_MODE, pygame.KMOD_LCTRL | pygame.KMOD_RALT])
def test_signs_that_a_keyboard_has_behind_altgr_are_keys(told: Desk, mods: int) -> None:
    altgr_9 = {"key": pygame.K_9, "mod": mods, "unicode": "]"}  # as on a German keyboard
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, altgr_9))
    told.window.frame()
    assert told.state.editing.amount == told.session.options.boost + told.session.options.boost_step
    assert told.state.pane.layer == 4


def test_a_lost_server_is_waited_for_and_nothing_is_sent_meanwhile(told: Desk) -> None:
    told.server.hang_up()
    while told.state.connection.link.link is Link.CONNECTED:
        told.window.frame()
    told.play("b")
    assert told.state.overlays.notice == "not connected: nothing was sent"
    told.play("wait:connected")
    assert told.state.time.at is not None, "the same session's scans are still there"


def test_words_typed_while_the_server_is_away_stay_in_the_box(told: Desk) -> None:
    told.play("t type:hello")
    told.server.hang_up()
    while told.state.connection.link.link is Link.CONNECTED:
        told.window.frame()
    told.play("return")
    assert (told.state.typing.chat, told.state.overlays.notice) == (
        "hello",
        "not connected: nothing was sent",
    )
    told.play("wait:connected return wait:turn_end")
    assert told.state.typing.chat == ""


def test_a_changed_amount_is_told_where_no_panel_shows_it(told: Desk) -> None:
    told.play("size:900x600 ]")
    assert "B multiplies by 1.75" in [text.text for text in told.window.canvas.written]


def test_a_window_that_only_looks_has_a_flag(told: Desk) -> None:
    told.session.state = replace(told.state, connection=replace(told.state.connection, read_only=True))
    told.window.draw()
    assert "read only" in [text.text for text in told.window.canvas.written]
