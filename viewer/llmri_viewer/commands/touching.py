"""Commands that select units, and ask the server to edit them."""

from dataclasses import dataclass, replace

from llmri_protocol.messages import ClearInterventions, Edit, Intervene, Redo, Undo
from llmri_viewer.commands.base import UNNUMBERED, Step, told
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore

AMOUNT_MOST = 64.0


@dataclass(frozen=True)
class SelectUnit:
    """Select a unit of the shown layer; `add` keeps the others, and takes out one that was in."""

    unit: int
    add: bool = False

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        place = (state.layer, self.unit)
        selection = state.selection ^ {place} if self.add else frozenset({place})
        return Step(replace(state, selection=selection))


@dataclass(frozen=True)
class Deselect:
    """Select nothing."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, selection=frozenset()))


@dataclass(frozen=True)
class Boost:
    """Multiply the selected units of the shown layer by the amount."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return _scale(state, state.amount)


@dataclass(frozen=True)
class Ablate:
    """Multiply the selected units of the shown layer by 0."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return _scale(state, 0.0)


def _scale(state: ViewState, factor: float) -> Step:
    units = state.selected_here
    if state.site_card and not state.site_card.editable:
        return told(state, f"units at {state.site} can be looked at, not edited; press Tab for another site")
    if not units and state.selection:
        layers = ", ".join(str(layer) for layer in sorted({layer for layer, _ in state.selection}))
        return told(
            state, f"the selection is in layer {layers}; go there, or click a unit of layer {state.layer}"
        )
    if not units:
        return told(state, "no unit is selected; click one first")
    edit = Edit(site=state.site, layer=state.layer, units=units, op="scale", value=factor)
    return Step(state, (Intervene(id=UNNUMBERED, edits=(edit,)),))


@dataclass(frozen=True)
class ChangeAmount:
    """Change what a boost multiplies by, by so many steps."""

    steps: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        amount = round(state.amount + self.steps * state.amount_step, 4)
        return Step(replace(state, amount=max(0.0, min(amount, AMOUNT_MOST))))


@dataclass(frozen=True)
class ClearEdits:
    """Ask for every edit to be removed."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, (ClearInterventions(id=UNNUMBERED),))


@dataclass(frozen=True)
class UndoEdit:
    """Ask for the last change of the edits to be taken back."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, (Undo(id=UNNUMBERED),))


@dataclass(frozen=True)
class RedoEdit:
    """Ask for the change to be made again that was taken back last."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, (Redo(id=UNNUMBERED),))
