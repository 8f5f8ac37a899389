"""The table of handlers: every command of the catalogue has one, or there is no server."""

import threading
from collections.abc import Callable

import pytest

from llmri_protocol.messages import COMMANDS, Bye, Chat, Command, Error, Message, Ping, Reply, Undo
from llmri_protocol.plain import PLAIN_CLIENT_KINDS, PlainPing, Pong
from llmri_server import Server, Settings
from llmri_server.broadcast.hub import Member
from llmri_server.broadcast.outbox import Outbox, OutboxLimits
from llmri_server.measuring import Progress
from llmri_server.service.client_tasks import ClientTask
from llmri_server.service.handlers import Caller, HandlerError, Handlers
from llmri_server.service.model_worker import ModelWorker
from llmri_server.service.refusals import refusal
from tests.server.fakes import FakeRuntime


@pytest.fixture
def submitted() -> list[ClientTask]:
    return []


@pytest.fixture
def handlers(submitted: list[ClientTask]) -> Handlers:
    return Handlers(submitted.append, refusal)


@pytest.fixture
def caller() -> Caller:
    return Caller("test#1", Member(Outbox(OutboxLimits())))


def test_a_command_without_a_handler_is_named(handlers: Handlers) -> None:
    for kind in (*COMMANDS, *PLAIN_CLIENT_KINDS):
        if kind not in {Undo, Chat}:
            handlers.add(kind, lambda caller, command: None)
    with pytest.raises(HandlerError, match=r"no service handles Chat \(`chat`\), Undo \(`undo`\)"):
        handlers.check((*COMMANDS, *PLAIN_CLIENT_KINDS))


def test_a_server_that_cannot_answer_everything_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def register(session: ModelWorker, handlers: Handlers, stop: Callable[[], object]) -> None:
        handlers.add(Chat, lambda caller, command: None)

    monkeypatch.setattr(ModelWorker, "register", register)
    with pytest.raises(HandlerError, match=r"no service handles Stop \(`stop`\); let one `add` a handler"):
        Server(FakeRuntime(), Settings(port=0))


def test_two_handlers_of_one_command_are_refused(handlers: Handlers) -> None:
    handlers.add(Ping, lambda caller, command: None)
    with pytest.raises(HandlerError, match="Ping has a handler already"):
        handlers.add(Ping, lambda caller, command: None)


def test_nothing_more_to_say_is_a_reply_and_a_message_is_the_answer(
    handlers: Handlers, caller: Caller
) -> None:
    handlers.add(Ping, lambda caller, command: None)
    handlers.add(Chat, lambda caller, command: Reply(id=command.id, turn=3, time=0.0))
    handlers.add(PlainPing, lambda caller, command: Pong(timestamp=1.0))
    reply = handlers.answer(caller, Ping(id=7))
    assert isinstance(reply, Reply)
    assert (reply.id, reply.turn) == (7, None)
    assert handlers.answer(caller, Chat(id=8, text="x")) == Reply(id=8, turn=3, time=0.0)
    assert handlers.answer(caller, PlainPing()) == Pong(timestamp=1.0)


def test_work_is_queued_and_answered_when_it_is_done(
    handlers: Handlers, caller: Caller, submitted: list[ClientTask]
) -> None:
    def work(progress: Progress, stop: threading.Event) -> Bye:
        return Bye(reason="the result")

    handlers.add(Ping, lambda caller, command: work)
    assert handlers.answer(caller, Ping(id=9)) is None
    (task,) = submitted
    assert (task.command, task.outbox) == (9, caller.member.outbox)
    task.run()
    batch = caller.member.outbox.take()
    assert batch is not None
    result, reply = batch.parcels
    assert result == Bye(reason="the result")
    assert isinstance(reply, Reply)
    assert reply.id == 9


@pytest.mark.parametrize(("command", "number"), [(Ping(id=4), 4), (PlainPing(), None)])
def test_what_a_handler_raises_is_told_with_the_id(
    handlers: Handlers, caller: Caller, command: Command | PlainPing, number: int | None
) -> None:
    def fail(caller: Caller, command: Message) -> None:
        raise ZeroDivisionError

    handlers.add(type(command), fail)
    error = handlers.answer(caller, command)
    assert isinstance(error, Error)
    assert (error.code, error.id) == ("internal", number)
