import io

import pytest

from llmri_server import Server
from llmri_server.cli.console import answer_lines
from llmri_server.runtime import TurnOutcome
from llmri_server.service.model_worker import ClosedError, TooManyTurnsError
from llmri_server.service.turns import PendingTurn
from tests.server.fakes import FakeRuntime


def fail(number: int) -> None:
    raise ZeroDivisionError


def test_each_line_is_a_turn_and_each_reply_a_line(
    server: Server, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_lines(server, io.StringIO("a\n\n  \nb"))
    assert capsys.readouterr().out == "one two three\none two three\n"
    assert [conversation[-1]["content"] for conversation in runtime.conversations] == ["a", "b"]


def test_a_turn_that_fails_leaves_an_empty_line_and_a_reason(
    server: Server, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime.before_token = fail
    answer_lines(server, io.StringIO("a\n"))
    captured = capsys.readouterr()
    assert captured.out == "\n"
    assert "turn 1 failed: ZeroDivisionError" in captured.err


def test_a_context_that_becomes_full_is_told(
    server: Server,
    runtime: FakeRuntime,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "generate", lambda *_: TurnOutcome("one", 1, "context"))
    answer_lines(server, io.StringIO("a\n"))
    captured = capsys.readouterr()
    assert captured.out == "one\n"
    assert captured.err == "turn 1 ended because the context is full\n"


def test_bytes_that_are_no_utf_8_are_read_all_the_same(server: Server, runtime: FakeRuntime) -> None:
    answer_lines(server, io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), encoding="utf-8"))
    assert runtime.conversations[0][-1]["content"] == "caf\ufffd"


def test_a_full_queue_costs_a_line_its_reply_and_a_closed_server_ends_the_lines(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, answers = server.chat, [TooManyTurnsError("64 turns wait already"), None, ClosedError("it ends")]

    def chat(text: str) -> PendingTurn:
        error = answers.pop(0)
        if error is not None:
            raise error
        return whole(text)

    monkeypatch.setattr(server, "chat", chat)
    answer_lines(server, io.StringIO("a\nb\nc\nd\n"))
    captured = capsys.readouterr()
    assert captured.out == "\none two three\n"
    assert captured.err == "64 turns wait already\n"
    assert answers == []
