"""What each command of a client does; every one is answered exactly once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from llmri_protocol.messages import (
    Chat,
    ClearInterventions,
    Command,
    EditHistory,
    Error,
    Intervene,
    ModelCard,
    Notice,
    Ping,
    Redo,
    Reply,
    ShowJournal,
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
from llmri_server.edit_desk import EditDesk
from llmri_server.hub import Hub, Member, Wish
from llmri_server.measurement_desk import MeasurementDesk, Request
from llmri_server.outbox import Outbox
from llmri_server.refusals import refusal
from llmri_server.session import Session
from llmri_server.tasks import Task

PlainReply = InterventionActive | InterventionsCleared | Pong


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
        session: The turns, and what else takes the model.
        edits: The edits.
        measurements: What takes the model.
        stop: Ends what goes on and is nobody's own: a reply, or else the search for protected units.
    """

    def __init__(
        self,
        card: ModelCard,
        hub: Hub,
        session: Session,
        edits: EditDesk,
        measurements: MeasurementDesk,
        *,
        stop: Callable[[], object],
    ) -> None:
        self._card = card
        self._hub = hub
        self._session = session
        self._edits = edits
        self._measurements = measurements
        self._stop_all = stop

    def join(self, outbox: Outbox, instead_of: Member | None = None) -> Member | None:
        """Let a native client in, instead of the plain one that it was taken for; None where it is full."""
        return self._edits.join(outbox, instead_of)

    def join_plain(self, outbox: Outbox, *, silent: bool) -> Member | None:
        """Let a plain client in, which gets all layers of the default site; None where the server is full.

        One that is `silent` gives way to who speaks, where the server is full.
        """
        member = self._hub.join(outbox, silent=silent)
        if member is not None:
            site = frozenset({self._card.default_site})
            self._hub.subscribe(member, Wish(site, tuple(range(self._card.layers)), dtype="f32"))
        return member

    def leave(self, member: Member) -> None:
        """Let a client go; its edits stay, its measurements end."""
        self._hub.leave(member)
        self._session.stop_tasks(member.outbox)

    def answer(self, caller: Caller, command: Command) -> Reply | Error | None:
        """Carry out a command of the native dialect; None where its answer comes when the work is done."""
        try:
            if isinstance(command, Request):
                work = self._measurements.work_of(command)
                self._session.submit_task(Task(caller.member.outbox, command.id, work, refusal))
                return None
            turn = self._carry_out(caller, command)
        except BaseException as error:  # a panic of a tokenizer is none of `Exception`
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
        except BaseException as error:  # a panic of a tokenizer is none of `Exception`
            return refusal(error, None)

    def _carry_out(self, caller: Caller, command: Command) -> int | None:
        """Do what a command says that needs no work of the model; give the turn's number for `chat`."""
        match command:
            case Chat():
                return self._session.submit(command.text, new=command.new).number
            case Subscribe():
                self._hub.subscribe(caller.member, self._hub.wish_of(command))
            case Intervene():
                self._intervene(caller, command)
            case Undo():
                self._edits.undo(caller.name)
            case Redo():
                self._edits.redo(caller.name)
            case ClearInterventions():
                self._edits.journal.clear(caller.name)
            case ShowJournal():
                changes = self._edits.journal.changes
                caller.member.outbox.put(EditHistory(id=command.id, changes=changes))
            case Stop():
                self._stop(caller, command)
            case Ping():
                pass
        return None

    def _intervene(self, caller: Caller, command: Intervene) -> None:
        unchecked = self._edits.intervene(command, caller.name)
        if unchecked:
            caller.member.outbox.put(Notice(level="warning", message=unchecked))

    def _stop(self, caller: Caller, command: Stop) -> None:
        if command.command is None:
            self._stop_all()
        else:
            self._session.stop_tasks(caller.member.outbox, command.command)
