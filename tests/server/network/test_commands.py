"""Commands over a real socket: each is answered exactly once, with its id."""

import threading
from typing import Any

import pytest

from llmri_protocol.messages import (
    Chat,
    ClearInterventions,
    Command,
    Edit,
    Edits,
    Error,
    Intervene,
    Ping,
    Redo,
    Reply,
    Scan,
    Stop,
    Subscribe,
    Token,
    TurnEnd,
    TurnStart,
    Undo,
    Welcome,
)
from llmri_server import Server
from tests.server.fakes import Connect, FakeRuntime, Viewer


def ablation(unit: int = 0, layer: int = 0) -> Edit:
    return Edit(site="mlp_act", layer=layer, units=(unit,), value=0.0)


@pytest.fixture
def viewer(connect: Connect) -> Viewer:
    viewer = connect()
    viewer.expect(Welcome)
    return viewer


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Ping, {}),
        (Stop, {}),
        (ClearInterventions, {}),
        (Subscribe, {"sites": ("resid_post",)}),
        (Intervene, {"edits": (ablation(),)}),
    ],
)
def test_every_command_is_answered_once_with_its_id(
    viewer: Viewer, kind: type[Command], fields: dict[str, Any]
) -> None:
    number = viewer.tell(kind, **fields)
    assert viewer.last(Reply).id == number
    following = viewer.tell(Ping)
    answers = [message for message in viewer.until(Reply) if isinstance(message, Reply | Error)]
    assert [answer.id for answer in answers] == [following]


def test_chat_is_answered_with_its_turn_and_then_the_turn_comes(viewer: Viewer) -> None:
    viewer.tell(Subscribe, sites=("resid_post",), layers=(1,))
    viewer.until(Reply)
    number = viewer.tell(Chat, text="hello")
    messages = viewer.until(TurnEnd)
    if not any(isinstance(message, Reply) for message in messages):
        messages += viewer.until(Reply)
    reply = next(message for message in messages if isinstance(message, Reply))
    assert (reply.id, reply.turn) == (number, 1)
    kinds = [type(message) for message in messages if not isinstance(message, Reply)]
    assert kinds == [TurnStart, *[Token, Scan] * 4, Token, TurnEnd]


def test_edits_reach_the_model_and_every_viewer_before_the_reply(
    viewer: Viewer, connect: Connect, runtime: FakeRuntime
) -> None:
    other = connect(role="viewer")
    other.receive()
    viewer.tell(Intervene, edits=(ablation(1), ablation(2, layer=2)))
    messages = viewer.until(Reply)
    assert [type(message) for message in messages] == [Edits, Reply]
    assert isinstance(messages[0], Edits)
    assert messages[0].edits == runtime.edits == (ablation(1), ablation(2, layer=2))
    assert messages[0].by.startswith("test#")
    assert other.until(Edits)[-1] == messages[0]


def test_who_comes_later_is_welcomed_with_the_edits(viewer: Viewer, connect: Connect) -> None:
    viewer.tell(Intervene, edits=(ablation(),))
    viewer.until(Reply)
    assert connect().expect(Welcome).edits == (ablation(),)


def test_edits_are_all_or_nothing(viewer: Viewer, runtime: FakeRuntime) -> None:
    number = viewer.tell(Intervene, edits=(ablation(), ablation(layer=7)))
    error = viewer.last(Error)
    assert (error.code, error.id) == ("bad_edit", number)
    assert "layer 7" in error.message
    assert runtime.edits == ()


def test_undo_and_redo_are_one_history_for_all(
    viewer: Viewer, connect: Connect, runtime: FakeRuntime
) -> None:
    other = connect()
    other.receive()
    viewer.tell(Intervene, edits=(ablation(),))
    viewer.until(Reply)
    other.tell(Undo)
    other.until(Reply)
    assert len(runtime.edits) == 0
    viewer.tell(Redo)
    viewer.until(Reply)
    assert list(runtime.edits) == [ablation()]


@pytest.mark.parametrize(("kind", "code"), [(Undo, "nothing_to_undo"), (Redo, "nothing_to_redo")])
def test_nothing_to_take_back_is_told(viewer: Viewer, kind: type[Command], code: str) -> None:
    viewer.tell(kind)
    assert viewer.last(Error).code == code


def test_a_site_that_is_not_there_is_refused_and_the_old_wish_stays(
    viewer: Viewer, runtime: FakeRuntime
) -> None:
    viewer.tell(Subscribe, sites=("mlp_act",))
    viewer.until(Reply)
    viewer.tell(Subscribe, sites=("z",))
    assert viewer.last(Error).code == "bad_subscription"
    assert [site for site, _ in runtime.plan.sites] == ["mlp_act"]


def test_a_bug_is_answered_too_and_logged_for_the_operator(
    viewer: Viewer, runtime: FakeRuntime, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(edits: object, revision: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(runtime, "apply_edits", fail)
    number = viewer.tell(Intervene, edits=(ablation(),))
    error = viewer.last(Error)
    assert (error.code, error.id) == ("internal", number)
    viewer.tell(Ping)
    viewer.until(Reply)
    assert "ZeroDivisionError" in caplog.text


def test_too_many_turns_are_refused(viewer: Viewer, runtime: FakeRuntime, server: Server) -> None:
    go_on = threading.Event()

    def wait(number: int) -> None:
        go_on.wait(60)

    runtime.before_token = wait
    for _ in range(server.settings.queue_turns + 2):
        viewer.tell(Chat, text="x")
    assert viewer.last(Error).code == "too_many_turns"
    server.worker.stop()
    go_on.set()
