"""Changes of the edits: checked, kept in the journal, put in force and announced, in one order for all."""

import threading

from llmri_protocol.messages import PROTOCOL_VERSION, Edit, Edits, Intervene, Limits, Welcome
from llmri_protocol.plain import PlainIntervention
from llmri_server.edits import Journal, JournalState
from llmri_server.hub import Hub, Member
from llmri_server.outbox import Outbox
from llmri_server.runtime import Runtime


class NothingToUndoError(RuntimeError):
    """There is no change to take back."""


class NothingToRedoError(RuntimeError):
    """No change was taken back last."""


class EditDesk:
    """The one place where edits change; any thread may ask.

    A change is in force and in every outbox when the method that made it returns.

    Args:
        runtime: The model that the edits go to.
        hub: Who is told.
        limits: What `welcome` says of this server.
        identity: Changes when the server restarts.
    """

    def __init__(self, runtime: Runtime, hub: Hub, limits: Limits, identity: str) -> None:
        self._runtime = runtime
        self._hub = hub
        self._limits = limits
        self._identity = identity
        self._announcing = threading.Lock()  # nobody joins between a change and its announcement
        self.journal = Journal(self._changed)

    def join(self, outbox: Outbox) -> Member | None:
        """Let a viewer in, with `welcome` and the present edits first; None where the hub is full."""
        with self._announcing:
            welcome = Welcome(
                protocol=PROTOCOL_VERSION,
                session=self._identity,
                card=self._runtime.card,
                edits=self.journal.state.edits,
                limits=self._limits,
            )
            return self._hub.join(outbox, welcome)

    def intervene(self, command: Intervene, by: str) -> None:
        """Add edits, all or none.

        Raises:
            EditError: One of them doesn't fit the model.
        """
        self._runtime.check_edits(command.edits)
        self.journal.add(command.edits, by)

    def replace(self, command: PlainIntervention, by: str) -> int:
        """Let these be all edits of this client; give how many units they name.

        Raises:
            EditError: One of them doesn't fit the model.
        """
        edits = self.edits_of(command)
        self._runtime.check_edits(edits)
        self.journal.replace_of(by, edits)
        return len({unit for edit in edits for unit in edit.units})

    def undo(self, by: str) -> None:
        """Take back the latest change.

        Raises:
            NothingToUndoError: There is none.
        """
        if not self.journal.undo(by):
            raise NothingToUndoError("there is no change of the edits to take back")

    def redo(self, by: str) -> None:
        """Make the change again that was taken back last.

        Raises:
            NothingToRedoError: There is none.
        """
        if not self.journal.redo(by):
            raise NothingToRedoError("no change of the edits was taken back last, so none can be made again")

    def edits_of(self, command: PlainIntervention) -> tuple[Edit, ...]:
        """Give the edits that a plain intervention asks for, at the default site and the last position.

        Units multiplied by 1 are left out: that changes nothing.
        """
        card = self._runtime.card
        units_of: dict[float, list[int]] = {}
        for unit, value in command.interventions.items():
            if value != 1:
                units_of.setdefault(value, []).append(unit)
        layers = range(card.layers) if command.layer is None else (command.layer,)
        return tuple(
            Edit(site=card.default_site, layer=layer, units=tuple(units), value=value, positions="last")
            for layer in layers
            for value, units in units_of.items()
        )

    def _changed(self, state: JournalState) -> None:
        """Put the edits in force, then tell everybody."""
        with self._announcing:
            self._runtime.apply_edits(state.edits)
            self._hub.tell(
                Edits(
                    edits=state.edits,
                    revision=state.revision,
                    undoable=state.undoable,
                    redoable=state.redoable,
                    by=state.by,
                )
            )
