import threading
from collections.abc import Iterator

import pytest

from llmri_protocol.messages import Edit
from llmri_server import Server
from llmri_server.cli.terminal import Terminal, chat
from llmri_server.service.turns import PendingTurn
from tests.server.fakes import FakeRuntime

PATIENCE = 60


def void(_: object) -> None:
    """Give nothing, where a lambda must."""


@pytest.fixture
def terminal(server: Server) -> Terminal:
    return Terminal(server)


def test_a_reply_is_shown_without_its_end_mark(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal.handle("hello")
    assert capsys.readouterr().out == "one two three\n"


def test_clear_begins_a_conversation_with_the_next_turn(terminal: Terminal, runtime: FakeRuntime) -> None:
    for line in ("a", "/clear", "b", "c"):
        terminal.handle(line)
    assert [len(conversation) for conversation in runtime.conversations] == [1, 1, 3]


def test_help_names_every_command(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.handle("/help")
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("/clear", "/stop", "/edits", "/help", "/quit"))


def test_an_unknown_command_is_not_sent_to_the_model(
    terminal: Terminal, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal.handle("/hlep me")
    assert "/hlep" in capsys.readouterr().out
    assert runtime.conversations == []


def test_edits_are_listed(terminal: Terminal, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.handle("/edits")
    edit = Edit(site="mlp_act", layer=2, units=tuple(range(12)), value=1.5)
    added = server.journal.add([edit], "x")
    assert added is not None
    server.journal.commit(added)
    terminal.handle("/edits")
    none, one = capsys.readouterr().out.splitlines()
    assert none == "no edits stand"
    assert one.startswith("mlp_act layer 2: scale 1.5 at all positions, 12 units: 0, 1, 2")


def test_ctrl_c_during_a_reply_stops_the_reply_only(
    terminal: Terminal,
    runtime: FakeRuntime,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    runtime.before_token = lambda number: void(number < 3 or go_on.wait(PATIENCE))
    whole = server.chat

    def interrupted(text: str, *, new: bool) -> PendingTurn:
        turn = whole(text, new=new)
        pieces, calls = turn.pieces, list[int]()

        def once() -> Iterator[str]:
            calls.append(1)
            if len(calls) == 1:
                yield next(pieces())
                raise KeyboardInterrupt
            go_on.set()
            yield from pieces()

        monkeypatch.setattr(turn, "pieces", once)
        return turn

    monkeypatch.setattr(server, "chat", interrupted)
    assert terminal.handle("hello")
    assert capsys.readouterr().out == "one two \n[stopped]\n"


def test_a_failure_is_shown_and_the_chat_goes_on(
    terminal: Terminal, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.before_token = lambda number: void(1 / 0)
    assert terminal.handle("hello")
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_quit_and_the_end_of_input_end_the_chat(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    chat(server)

    def nothing(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nothing)
    chat(server)


def test_a_reply_sends_the_terminal_no_controls(
    terminal: Terminal, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.words = ["\x1b]0;title\x07", "a\nb", "\x9b2J"]
    terminal.handle("hello")
    assert capsys.readouterr().out == "\\x1b]0;title\\x07a\nb\\x9b2J\n"
