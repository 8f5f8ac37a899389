"""Whatever is raised in a thread of the server, turns end, clients hear why, and nothing goes deaf."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from llmri_protocol.messages import (
    Bye,
    Chat,
    Edit,
    Error,
    MeasureInfluence,
    Notice,
    Ping,
    Reply,
    TurnEnd,
    TurnStart,
    Welcome,
)
from llmri_server import Server, Settings
from llmri_server.network.threads import GuardedThread
from llmri_server.service.model_worker import ClosedError
from tests.server.fakes import Connect, Eventually, FakeRuntime, Viewer

PATIENCE = 60


class PanicError(BaseException):
    """What a library in Rust raises, such as pyo3's PanicException: it is none of `Exception`."""


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.fixture
def viewer(connect: Connect) -> Viewer:
    viewer = connect()
    viewer.expect(Welcome)
    return viewer


@pytest.mark.parametrize("error", [PanicError("index out of range"), SystemExit(1), KeyboardInterrupt()])
@pytest.mark.parametrize(
    "place", ["generate", "stale", "announce", "begin", "remember"], ids=lambda place: f"in {place}"
)
def test_a_turn_ends_with_a_reason_wherever_anything_is_raised(
    server: Server, viewer: Viewer, runtime: FakeRuntime, place: str, error: BaseException
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        match place:
            case "generate":
                patch.setattr(runtime, "generate", raising(error))
            case "stale":
                patch.setattr(runtime, "stale", raising(error))
            case "announce":
                patch.setattr(runtime, "stale", lambda: True)
                patch.setattr(server.worker.conversation, "_announce_edits", raising(error))
            case "begin":
                patch.setattr(server.hub, "begin", raising(error))
            case "remember":
                patch.setattr(server.worker.conversation._history, "remember", raising(error))
        viewer.tell(Chat, text="hello")
        told = viewer.until(TurnEnd)
        end = told[-1]
        assert isinstance(end, TurnEnd)
        assert sum(isinstance(message, TurnStart) for message in told) == 1
        if place != "announce":  # there the turn had ended already
            assert end.reason == "error"
            notices = [message.message for message in told if isinstance(message, Notice)]
            assert any(type(error).__name__ in notice for notice in notices)
        server.worker.drain()
    turn = server.chat("again")
    assert turn.reply(PATIENCE) == "one two three"
    assert [type(m) for m in viewer.until(TurnEnd) if isinstance(m, TurnEnd)] == [TurnEnd]


def test_a_turn_that_python_asked_for_ends_too(server: Server, runtime: FakeRuntime) -> None:
    runtime.before_token = raising(PanicError("no"))
    with pytest.raises(RuntimeError, match="turn 1 failed: PanicError: no"):
        server.chat("hello").reply(PATIENCE)


def test_a_panic_in_a_measurement_is_answered_and_the_next_command_too(
    viewer: Viewer, runtime: FakeRuntime
) -> None:
    runtime.before_pass = raising(PanicError("no"))
    number = viewer.tell(MeasureInfluence, edits=(Edit(site="mlp_act", layer=0, units=(0,)),), text="a b")
    error = viewer.last(Error)
    assert (error.code, error.id, error.message) == ("internal", number, "the server failed: PanicError: no")
    viewer.tell(Ping)
    viewer.until(Reply)


def test_a_panic_in_a_command_is_answered(
    viewer: Viewer, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.service.model_worker.ModelWorker.submit", raising(PanicError("no")))
    number = viewer.tell(Chat, text="a")
    error = viewer.last(Error)
    assert (error.code, error.id) == ("internal", number)


def test_a_model_thread_that_cannot_go_on_says_so_to_everybody(
    runtime: FakeRuntime, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "generate", raising(PanicError("first")))
    monkeypatch.setattr("llmri_server.broadcast.hub.Hub.tell", raising(PanicError("second")))
    failed = threading.Event()
    with Server(runtime, Settings(port=0)) as server:
        server.on_failure = failed.set
        viewer = connect_to(server)
        viewer.expect(Welcome)
        turn = server.chat("hello")
        waiting = server.chat("and this")
        bye = viewer.last(Bye)
        assert "the thread that runs the model ended by an error (PanicError: second)" in bye.reason
        assert failed.wait(PATIENCE)
        assert server.failure is not None
        assert server.failure in bye.reason
        for asked in (turn, waiting):
            with pytest.raises(RuntimeError):
                asked.reply(PATIENCE)
        with pytest.raises(ClosedError):
            server.chat("anybody there?")
        server.worker.drain()


def test_a_listener_that_cannot_go_on_says_so_to_everybody(
    server: Server, viewer: Viewer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server._admission, "_admit", raising(PanicError("no")))
    connect()
    assert "lets clients in ended by an error (PanicError: no)" in viewer.last(Bye).reason
    assert server.failure


@pytest.mark.parametrize(
    "place", ["network.sender.messages_of", "network.client.Client._handle", "network.client.Client._greet"]
)
def test_a_connection_whose_thread_fails_is_closed_and_the_others_live(
    server: Server,
    connect: Connect,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"llmri_server.{place}", raising(PanicError("no")))
        broken = connect()
        with pytest.raises((EOFError, ConnectionResetError)):
            broken.receive()
        eventually(lambda: len(server.hub) == 0 and not server._admission._clients)
    assert isinstance(connect().receive(), Welcome)
    assert server.failure is None


def test_a_thread_tells_why_it_ended_only_where_that_was_an_error() -> None:
    told: list[str] = []
    for work in (raising(PanicError("no")), raising(ValueError()), lambda: None):
        thread = GuardedThread("x", work, told.append)
        thread.start()
        thread.join(PATIENCE)
        assert thread.daemon
    assert told == ["PanicError: no", "ValueError"]


def test_every_thread_of_the_server_is_guarded(server: Server, viewer: Viewer) -> None:
    server.chat("a").reply(PATIENCE)
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("llmri-")]
    assert {thread.name.rpartition("-")[0] or thread.name for thread in ours} >= {
        "llmri-reader",
        "llmri-sender",
    }
    assert all(isinstance(thread, GuardedThread) for thread in ours)
