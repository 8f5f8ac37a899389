"""What each command of a client does: a table by type of message, into which services put their own."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from llmri_protocol.catalogue import ClientEntry
from llmri_protocol.messages import COMMANDS, Command, Error, Message, Reply, type_of
from llmri_protocol.plain import PlainClientMessage
from llmri_server.broadcast.hub import Member
from llmri_server.broadcast.outbox import Outgoing
from llmri_server.service.client_tasks import ClientTask, Work

Asked = TypeVar("Asked", bound=Message)


class HandlerError(TypeError):
    """A command has no handler, or two; the sentence names it."""


@dataclass(frozen=True)
class Caller:
    """Who sends a command: a name no other connection has, and its place in the hub."""

    name: str
    member: Member


Handle = Callable[[Caller, Any], Outgoing | Work | None]


class Handlers:
    """Carries out the commands of clients, from any thread; every one is answered exactly once.

    Args:
        submit: Queues work for the model's thread.
        refuse: Words a failure for the client.
        otherwise: Carries out what has no handler of its own; without it everything must have one.
    """

    def __init__(
        self,
        submit: Callable[[ClientTask], None],
        refuse: Callable[[BaseException, int | None], Error],
        otherwise: Handle | None = None,
    ) -> None:
        self._submit = submit
        self._refuse = refuse
        self._otherwise = otherwise
        self._table: dict[type[Message], Handle] = {}

    def add(self, kind: type[Asked], handle: Callable[[Caller, Asked], Outgoing | Work | None]) -> None:
        """Let a function carry out a command.

        Args:
            kind: The command's class.
            handle: Takes who asks and the command. It returns None where it is done and a `reply` says all;
                the answer itself where it says more, and always in the plain dialect; or work for the
                model's thread, whose result and `reply` come when it is done. What it raises is told.

        Raises:
            HandlerError: The command has a handler already.
        """
        if kind in self._table:
            raise HandlerError(f"the command {kind.__name__} has a handler already, expected one")
        self._table[kind] = handle

    def check(self, kinds: Iterable[type[Message]]) -> None:
        """Check that each of these commands can be answered, but for those that a server may leave out.

        Raises:
            HandlerError: One or more have no handler.
        """
        lacking = [
            f"{kind.__name__} (`{type_of(kind)}`)"
            for kind in kinds
            if kind not in self._table and not _optional(kind)
        ]
        if lacking:
            raise HandlerError(f"no service handles {', '.join(lacking)}; let one `add` a handler")

    def answered(self) -> tuple[str, ...]:
        """Return the types of the native commands that have a handler, in the order of the catalogue."""
        return tuple(type_of(kind) for kind in COMMANDS if kind in self._table)

    def answer(self, caller: Caller, command: Command | PlainClientMessage) -> Outgoing | None:
        """Carry out a command and return its answer; None where that comes when the work is done."""
        number = command.id if isinstance(command, Command) else None
        handle = self._table.get(type(command), self._otherwise)
        if handle is None:
            known = "`welcome.answers` lists what it answers"
            return Error(
                code="unsupported",
                message=f"this server does not answer `{type_of(command)}`; {known}",
                id=number,
            )
        try:
            done = handle(caller, command)
            if isinstance(done, Message):
                return done
            if number is None:
                raise HandlerError(f"the handler of {type(command).__name__} returned no answer")
            if done is not None:
                self._submit(ClientTask(caller.member.outbox, number, done, self._refuse))
                return None
        except BaseException as error:  # a panic of a tokenizer is none of `Exception`
            return self._refuse(error, number)
        return Reply(id=number, time=time.time())


def _optional(kind: type[Message]) -> bool:
    return isinstance(kind.entry, ClientEntry) and kind.entry.optional
