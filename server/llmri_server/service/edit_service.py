"""Changes of the edits: checked, put in force, kept in the journal and announced, in one order for all."""

import threading
from collections.abc import Callable, Sequence

import msgspec

from llmri_protocol.messages import (
    PROTOCOL_VERSION,
    Card,
    ClearInterventions,
    Edit,
    EditHistory,
    Edits,
    Intervene,
    Limits,
    Notice,
    ProtectedUnit,
    Redo,
    SamplingWish,
    ShowJournal,
    Undo,
    Welcome,
)
from llmri_protocol.plain import (
    InterventionActive,
    InterventionsCleared,
    PlainClearInterventions,
    PlainIntervention,
)
from llmri_protocol.protection import UNCHECKED, found_in_words
from llmri_server.broadcast.hub import Hub, Member
from llmri_server.broadcast.outbox import Outbox
from llmri_server.edits import Journal, JournalState, Proposal, normalised, plain_edits
from llmri_server.protection import may_take_away, refuse_ablations, refused, standing_in_words
from llmri_server.runtime import EditError, Runtime
from llmri_server.service.handlers import Caller, Handlers

UNTOLD = SamplingWish()


class NothingToUndoError(RuntimeError):
    """There is no change to take back."""


class NothingToRedoError(RuntimeError):
    """No change was taken back last."""


class EditService:
    """The one place where edits change; any thread may ask.

    A change is in force and in every outbox when the method that made it returns. The journal proposes it,
    the runtime takes it, the journal commits it, the hub is told; what can't be put in force is no change.

    Args:
        runtime: The model that the edits go to.
        hub: Who is told.
        limits: What `welcome` says of this server.
        identity: Changes when the server restarts.
        sampling: How it chooses tokens, as `welcome` says.
        allow_protected: Whether protected units may be ablated by force.
    """

    def __init__(
        self,
        runtime: Runtime,
        hub: Hub,
        limits: Limits,
        identity: str,
        *,
        sampling: SamplingWish = UNTOLD,
        allow_protected: bool = False,
    ) -> None:
        self._runtime = runtime
        self._hub = hub
        self._limits = limits
        self._identity = identity
        self._sampling = sampling
        self._allow_protected = allow_protected
        self._changing = threading.Lock()  # one change at a time, from its check to its announcement
        self._announcing = threading.Lock()  # nobody joins between a change and its announcement
        self._answers: Callable[[], tuple[str, ...]] = tuple
        self._doubt: Callable[[], str] | None = None
        self.journal = Journal()

    @property
    def standing(self) -> JournalState:
        """The edits that are in force, with their revision."""
        return self.journal.state

    def register(self, handlers: Handlers) -> None:
        """Handle the commands that change the edits, or ask for their history; welcome by what is handled."""
        self._answers = handlers.answered
        handlers.add(Intervene, self._intervene)
        handlers.add(Undo, lambda caller, _: self.undo(caller.name))
        handlers.add(Redo, lambda caller, _: self.redo(caller.name))
        handlers.add(ClearInterventions, self._clear)
        handlers.add(ShowJournal, self._show_journal)
        handlers.add(PlainIntervention, self._replace)
        handlers.add(PlainClearInterventions, self._clear_plain)

    def join(self, outbox: Outbox, instead_of: Member | None = None) -> Member | None:
        """Let a viewer in, with `welcome` and the present edits first; None where the hub is full.

        Where not all protected units are known yet, a notice says so next.
        """
        with self._announcing:
            welcome = Welcome(
                protocol=PROTOCOL_VERSION,
                session=self._identity,
                card=self._runtime.card,
                edits=self.journal.state.edits,
                edit_set=self.journal.state.name,
                stale_cache=self._runtime.stale(),
                limits=self._limits,
                answers=self._answers(),
                sampling=self._sampling,
                revision=self.journal.state.revision,
            )
            doubt = self._doubt() if self._doubt else ""
            notices = [Notice(level="info", message=doubt)] if doubt else []
            return self._hub.join(outbox, welcome, *notices, instead_of=instead_of)

    def doubt(self, why: Callable[[], str]) -> None:
        """Learn that not all protected units are known; `why` gives the sentence that says so."""
        self._doubt = why

    def protect(self, units: tuple[ProtectedUnit, ...]) -> tuple[str, ...]:
        """Refuse ablations of these from now on, and tell everybody; give what was told.

        Edits of them that stand already stay, and are named.
        """
        with self._changing, self._announcing:
            card = self._runtime.card
            new = [unit for unit in units if unit not in card.protected]
            self._runtime.card = msgspec.structs.replace(card, protected=units)
            self._doubt = None
            if new:
                self._hub.tell(Card(card=self._runtime.card))
            told = (found_in_words(new), *standing_in_words(refused(self.journal.state.edits, new)))
            for sentence in told:
                self._hub.tell(Notice(level="warning" if new else "info", message=sentence))
            return told

    def intervene(self, command: Intervene, by: str) -> str:
        """Add edits or, with `replace`, let them be all that stand; all or none, as one change.

        Returns:
            Why it was not checked whether they take protected units away; empty where it was, or need not be.

        Raises:
            EditError: There is none, or one of them doesn't fit the model.
            ProtectedError: One of them ablates a protected unit, and isn't forced or may not be.
        """
        if not command.edits and not command.replace:
            raise EditError(
                "there is no edit in it; give at least one, or `replace` to remove all that stand"
            )
        since = len(self._runtime.context()) if command.since_now else None
        with self._changing:
            standing = self.journal.state.edits if command.replace else ()
            edits = self._checked(command.edits, since, force=command.force, standing=standing)
            propose = self.journal.replace_all if command.replace else self.journal.add
            self._make(propose(edits, by, command.name))
            return self._unchecked(edits)

    def replace(self, command: PlainIntervention, by: str) -> int:
        """Let these be all edits of this client; give how many units they name.

        Raises:
            EditError: One of them doesn't fit the model.
            ProtectedError: One of them ablates a protected unit.
        """
        with self._changing:
            edits = self._checked(plain_edits(command, self._runtime.card))
            self._make(self.journal.replace_of(by, edits))
        return len({unit for edit in edits for unit in edit.units})

    def undo(self, by: str) -> None:
        """Take back the latest change.

        Raises:
            NothingToUndoError: There is none.
            ProtectedError: It would bring back an ablation of a unit that was found protected since.
        """
        with self._changing:
            changed = self._make_back(self.journal.undo(by))
        if not changed:
            raise NothingToUndoError("there is no change of the edits to take back")

    def redo(self, by: str) -> None:
        """Make the change again that was taken back last.

        Raises:
            NothingToRedoError: There is none.
            ProtectedError: As for `undo`.
        """
        with self._changing:
            changed = self._make_back(self.journal.redo(by))
        if not changed:
            raise NothingToRedoError("no change of the edits was taken back last, so none can be made again")

    def clear(self, by: str) -> None:
        """Remove every edit and the set's name."""
        with self._changing:
            self._make(self.journal.clear(by))

    def announce(self) -> None:
        """Tell everybody the edits again, because the keys and values that are kept have become others."""
        with self._announcing:
            self._tell()

    def _intervene(self, caller: Caller, command: Intervene) -> None:
        unchecked = self.intervene(command, caller.name)
        if unchecked:
            caller.member.outbox.put(Notice(level="warning", message=unchecked))

    def _show_journal(self, caller: Caller, command: ShowJournal) -> None:
        caller.member.outbox.put(EditHistory(id=command.id, changes=self.journal.changes))

    def _replace(self, caller: Caller, command: PlainIntervention) -> InterventionActive:
        return InterventionActive(count=self.replace(command, caller.name), layer=command.layer)

    def _clear(self, caller: Caller, command: ClearInterventions) -> None:  # noqa: ARG002 - a handler
        self.clear(caller.name)

    def _clear_plain(
        self,
        caller: Caller,
        command: PlainClearInterventions,  # noqa: ARG002 - a handler
    ) -> InterventionsCleared:
        self.clear(caller.name)
        return InterventionsCleared()

    def _checked(
        self,
        edits: Sequence[Edit],
        since: int | None = None,
        *,
        force: bool = False,
        standing: tuple[Edit, ...] = (),
    ) -> tuple[Edit, ...]:
        """Return the edits as the journal keeps them, if they fit and none but `standing` is refused."""
        self._runtime.check_edits(edits)
        written_out = normalised(edits, self._runtime.card, since)
        new = [edit for edit in written_out if edit not in standing]
        refuse_ablations(new, self._runtime.card, force=force, allowed=self._allow_protected)
        return written_out

    def _unchecked(self, edits: Sequence[Edit]) -> str:
        """Say that it is not known whether these take protected units away; empty where it is."""
        why = self._doubt() if self._doubt and any(map(may_take_away, edits)) else ""
        return f"{UNCHECKED}, {why}" if why else ""

    def _refuse_back(self, edits: Sequence[Edit]) -> None:
        """Pass unless these edits take protected units away that none does now."""
        protected = self._runtime.card.protected
        here = refused(self.journal.state.edits, protected)
        back = [unit for unit in refused(edits, protected) if unit not in here]
        if back:
            card = msgspec.structs.replace(self._runtime.card, protected=tuple(back))
            refuse_ablations(edits, card, force=True, allowed=self._allow_protected)

    def _make(self, proposal: Proposal | None) -> bool:
        """Put a change in force, keep it, and tell everybody, if there is one; `_changing` is held."""
        if proposal is None:
            return False
        self._runtime.apply_edits(proposal.state.edits, proposal.state.revision)
        with self._announcing:
            self.journal.commit(proposal)
            self._tell()
        return True

    def _make_back(self, proposal: Proposal | None) -> bool:
        """Make an undo or a redo, unless it brings back what is refused."""
        if proposal is not None:
            self._refuse_back(proposal.state.edits)
        return self._make(proposal)

    def _tell(self) -> None:
        state = self.journal.state
        self._hub.tell(
            Edits(
                edits=state.edits,
                revision=state.revision,
                undoable=state.undoable,
                redoable=state.redoable,
                by=state.by,
                name=state.name,
                stale_cache=self._runtime.stale(),
            )
        )
