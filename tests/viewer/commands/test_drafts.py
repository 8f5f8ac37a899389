"""Nothing typed is lost: what got no reply is in the chat box again, and its turn says why it is empty."""

import time
from collections.abc import Callable, Iterator

import pytest

from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import Notice, TurnEnd, TurnStart
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import Link
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

LONG = "Tell me everything about foxes."


class ShortServer(SyntheticServer):
    """A server whose model has no room for a word about everything."""

    def speak(self, prompt: str = "") -> int:
        if "everything" not in prompt:
            return super().speak(prompt)
        self._turn += 1
        self.broadcast(TurnStart(turn=self._turn, prompt=prompt, time=time.time()))
        self.broadcast(Notice(level="warning", message="the turn has no reply; say something shorter"))
        self.broadcast(TurnEnd(turn=self._turn, reason="context", text="", tokens=0, seconds=0.0))
        return self._turn


@pytest.fixture
def short(table: Bindings) -> Iterator[Desk]:
    with ShortServer() as server:
        desk = Desk(server, Options(retry_first_seconds=0.05, retry_longest_seconds=0.1), table)
        yield desk
        desk.close()


def written(desk: Desk) -> str:
    desk.window.draw()
    return "\n".join(text.text for text in desk.window.canvas.written)


def until(desk: Desk, met: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not met():
        assert time.monotonic() < limit, desk.state.overlays.notice
        desk.window.frame()
        time.sleep(0.002)


def test_words_without_room_are_in_the_open_box_again_and_their_turn_says_why(short: Desk) -> None:
    short.play(f'{STORY_TOLD} t type:"{LONG}" return wait:turn_end')
    assert short.state.typing.chat == LONG
    assert "say something shorter" in short.state.overlays.notice
    said = written(short)
    assert "Turn 2 has no reply: what was said is too long for the model's context of 512 tokens." in said
    assert "Make it shorter: it is in the chat box." in said
    assert f"“{LONG}”" in said


def test_a_box_that_was_left_has_the_words_when_it_is_opened_again(short: Desk) -> None:
    short.play(f'wait:connected say:"{LONG}"')
    until(short, lambda: bool(short.session.tally.turn_ends))
    assert short.state.typing.chat is None, "no box opens by itself: keys would become letters"
    assert "Make it shorter: T has it in the chat box." in written(short)
    short.play("t")
    assert short.state.typing.chat == LONG
    short.play("escape t")
    assert short.state.typing.chat == ""


def test_what_is_being_typed_meanwhile_stays_as_it_is(short: Desk) -> None:
    short.play(f'wait:connected t type:"{LONG}" return type:"And now"')
    until(short, lambda: bool(short.session.tally.turn_ends))
    assert short.state.typing.chat == "And now"
    short.play("escape t")
    assert short.state.typing.chat == LONG


def test_a_script_says_its_own_words_and_none_that_were_left(short: Desk) -> None:
    short.play(f'wait:connected say:"{LONG}"')
    until(short, lambda: bool(short.session.tally.turn_ends))
    short.play('say:"Tell me about a fox." wait:turn_end')
    assert short.session.store.turns[2].prompt == "Tell me about a fox."


def test_a_turn_without_a_reply_is_seen_while_following_only(short: Desk) -> None:
    short.play(f'{STORY_TOLD} say:"{LONG}"')
    until(short, lambda: short.session.tally.turn_ends == 2)
    short.play("left")
    assert "Turn 2 has no reply" not in written(short)
    short.play("space")
    assert "Turn 2 has no reply" in written(short)
    short.play('say:"Tell me about a fox." wait:turn_end')
    assert "has no reply" not in written(short)


def test_a_turn_that_was_over_too_soon_to_be_seen_is_no_failure(desk: Desk) -> None:
    desk.play("wait:connected")
    desk.server.broadcast(TurnStart(turn=1, prompt="Hi.", time=time.time()))
    desk.server.broadcast(TurnEnd(turn=1, reason="end", text="Hello.", tokens=2, seconds=0.1))
    until(desk, lambda: bool(desk.session.tally.turn_ends))
    assert "Turn 1 was over before this window could see its text." in written(desk)


def test_what_somebody_else_said_is_not_put_in_our_box(short: Desk) -> None:
    short.play("wait:connected t")
    server = short.server
    server.speak(LONG)
    until(short, lambda: bool(short.session.tally.turn_ends))
    assert short.state.typing.chat == ""
    assert "Turn 1 has no reply" in written(short)


def test_words_that_are_refused_are_in_the_box_again(desk: Desk) -> None:
    desk.play("wait:connected")
    desk.server.refuse = "64 turns wait already, at most 64 may; try later"
    desk.play("t type:hello return")
    until(desk, lambda: desk.state.typing.chat == "hello")
    assert desk.state.overlays.notice == desk.server.refuse


def test_words_that_the_server_had_not_begun_to_read_when_it_was_lost_are_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.server, "speak", lambda _text: 0)
    desk.play("wait:connected t type:hello return sleep:0.1")
    assert desk.state.typing.chat == ""
    desk.server.hang_up()
    until(desk, lambda: desk.state.connection.link.link is not Link.CONNECTED)
    assert desk.state.typing.chat == "hello"


def test_an_answered_turn_gives_nothing_back_when_the_server_is_lost(told: Desk) -> None:
    told.server.hang_up()
    until(told, lambda: told.state.connection.link.link is not Link.CONNECTED)
    assert told.state.typing.draft == ""
    told.play("t")
    assert told.state.typing.chat == ""
