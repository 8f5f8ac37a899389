"""Commands that select units, and ask the server to edit them."""

from dataclasses import dataclass, replace

from llmri_protocol.messages import ClearInterventions, Intervene, Redo, RePrefill, Undo
from llmri_viewer.commands.base import OFFLINE, Silent, Step, Touching, refused
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.state import Link, ViewState
from llmri_viewer.model.state_groups import At, Selection

AMOUNT_MOST = 64.0
READS = "all that was said is read anew, under the edits that stand"


@dataclass(frozen=True)
class Select:
    """Select units by layer and number; `add` keeps the others, or takes these out where all were in.

    `cluster` is the number of the cluster that they are, if they are one.
    """

    places: Selection
    add: bool = False
    cluster: int | None = None

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        selection = self.places
        if self.add:
            inside = self.places <= state.selection.units
            selection = state.selection.units - self.places if inside else state.selection.units | self.places
        return Step(replace(state, selection=replace(state.selection, units=selection, picked=self.cluster)))


@dataclass(frozen=True)
class Lasso(Silent):
    """Draw the line around units on to these points, in the window's pixels; none ends it."""

    points: tuple[At, ...]

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, selection=replace(state.selection, lasso=self.points)))


@dataclass(frozen=True)
class Deselect:
    """Select nothing."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, selection=replace(state.selection, units=frozenset(), picked=None)))


@dataclass(frozen=True)
class Boost(Touching):
    """Multiply the selected units by the amount, in every layer."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return _scale(state, state.editing.amount)


@dataclass(frozen=True)
class Ablate(Touching):
    """Multiply the selected units by 0, in every layer."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return _scale(state, 0.0)


def _scale(state: ViewState, factor: float) -> Step:
    if state.site_card and not state.site_card.editable:
        return refused(
            state,
            f"units at {state.pane.site} can be looked at, not edited; {{site.next}} shows another site",
        )
    if not state.selection.units:
        return refused(state, "no unit is selected; click one first")
    return Step(state, (Intervene(id=UNNUMBERED, edits=state.scaling(factor)),))


@dataclass(frozen=True)
class ChangeAmount:
    """Change what a boost multiplies by, by so many steps."""

    steps: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        amount = round(state.editing.amount + self.steps * state.editing.amount_step, 4)
        amount = max(0.0, min(amount, AMOUNT_MOST))
        return Step(
            replace(state, editing=replace(state.editing, amount=amount)).noticing(
                f"{{edit.boost}} multiplies by {amount:g}"
            )
        )


@dataclass(frozen=True)
class ClearEdits(Touching):
    """Ask for every edit to be removed."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, (ClearInterventions(id=UNNUMBERED),))


@dataclass(frozen=True)
class UndoEdit(Touching):
    """Ask for the last change of the edits to be taken back."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, (Undo(id=UNNUMBERED),))


@dataclass(frozen=True)
class RedoEdit(Touching):
    """Ask for the change to be made again that was taken back last."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, (Redo(id=UNNUMBERED),))


@dataclass(frozen=True)
class Reread(Touching):
    """Have all that was said read anew, so that earlier tokens keep nothing of older edits.

    Scans that came stay as they are, with the edits that they were computed under.
    """

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.connection.link.link is not Link.CONNECTED:
            return refused(state, OFFLINE)
        if state.editing.rereading:
            return refused(state, "it is being read anew; wait for it")
        if not state.editing.standing.stale:
            return refused(state, "nothing to read anew: earlier tokens keep no edits but those that stand")
        return Step(
            replace(state, editing=replace(state.editing, rereading=True)).noticing(READS),
            (RePrefill(id=UNNUMBERED),),
        )
