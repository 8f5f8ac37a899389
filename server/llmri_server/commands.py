"""What each command of a client does; every one is answered exactly once."""

import sys
import time
import traceback
from dataclasses import dataclass

from llmri_protocol.messages import (
    Chat,
    ClearInterventions,
    Command,
    Error,
    Intervene,
    ModelCard,
    Ping,
    Redo,
    Reply,
    Stop,
    Subscribe,
    Undo,
)
from llmri_protocol.plain import (
    InterventionActive,
    InterventionsCleared,
    PlainClearInterventions,
    PlainClientMessage,
    PlainIntervention,
    PlainPing,
    Pong,
)
from llmri_server.edit_desk import EditDesk, NothingToRedoError, NothingToUndoError
from llmri_server.hub import Hub, Member, SubscriptionError, Wish
from llmri_server.outbox import Outbox
from llmri_server.runtime import EditError
from llmri_server.session import ClosedError, Session, TooManyTurnsError

PlainReply = InterventionActive | InterventionsCleared | Pong

REFUSALS: dict[type[Exception], str] = {
    EditError: "bad_edit",
    SubscriptionError: "bad_subscription",
    NothingToUndoError: "nothing_to_undo",
    NothingToRedoError: "nothing_to_redo",
    TooManyTurnsError: "too_many_turns",
    ClosedError: "closing",
}


@dataclass(frozen=True)
class Caller:
    """Who sends a command: a name no other connection has, and its place in the hub."""

    name: str
    member: Member


class Commands:
    """Lets clients in and carries out their commands, from any thread.

    Args:
        card: The model.
        hub: The viewers.
        session: The turns.
        edits: The edits.
    """

    def __init__(self, card: ModelCard, hub: Hub, session: Session, edits: EditDesk) -> None:
        self._card = card
        self._hub = hub
        self._session = session
        self._edits = edits

    def join(self, outbox: Outbox) -> Member | None:
        """Let a native client in; None where the server is full."""
        return self._edits.join(outbox)

    def join_plain(self, outbox: Outbox) -> Member | None:
        """Let a plain client in, which gets all layers of the default site; None where the server is full."""
        member = self._hub.join(outbox)
        if member is not None:
            site = frozenset({self._card.default_site})
            self._hub.subscribe(member, Wish(site, tuple(range(self._card.layers)), dtype="f32"))
        return member

    def leave(self, member: Member) -> None:
        """Let a client go; its edits stay."""
        self._hub.leave(member)

    def answer(self, caller: Caller, command: Command) -> Reply | Error:
        """Carry out a command of the native dialect."""
        try:
            turn = self._carry_out(caller, command)
        except Exception as error:
            return refusal(error, command.id)
        return Reply(id=command.id, turn=turn, time=time.time())

    def answer_plain(self, caller: Caller, command: PlainClientMessage) -> Error | PlainReply:
        """Carry out a command of the plain dialect."""
        try:
            match command:
                case PlainPing():
                    return Pong(timestamp=time.time())
                case PlainClearInterventions():
                    self._edits.journal.clear(caller.name)
                    return InterventionsCleared()
                case PlainIntervention():
                    count = self._edits.replace(command, caller.name)
                    return InterventionActive(count=count, layer=command.layer)
        except Exception as error:
            return refusal(error, None)

    def _carry_out(self, caller: Caller, command: Command) -> int | None:
        """Do what a command says; give the turn's number for `chat`."""
        match command:
            case Chat():
                return self._session.submit(command.text, new=command.new).number
            case Subscribe():
                self._hub.subscribe(caller.member, self._hub.wish_of(command))
            case Intervene():
                self._edits.intervene(command, caller.name)
            case Undo():
                self._edits.undo(caller.name)
            case Redo():
                self._edits.redo(caller.name)
            case ClearInterventions():
                self._edits.journal.clear(caller.name)
            case Stop():
                self._session.stop()
            case Ping():
                pass
        return None


def refusal(error: Exception, command_id: int | None) -> Error:
    """Give the answer to a command that failed; a bug is also printed for whoever runs the server."""
    code = REFUSALS.get(type(error))
    if code is None:
        traceback.print_exception(error, file=sys.stderr)
        return Error(code="internal", message=f"the server failed: {error}", id=command_id)
    return Error(code=code, message=str(error), id=command_id)
