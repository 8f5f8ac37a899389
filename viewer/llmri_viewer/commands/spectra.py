"""Commands of the spectral view."""

from dataclasses import dataclass, replace

from llmri_viewer.commands.base import Step, refused
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.values.signals import why_no_order


@dataclass(frozen=True)
class OrderUnits:
    """Take the units of a spectrum in Hebbian order, or in index order again; say why where there is none."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        why = "" if state.look.by_layout else why_no_order(state)
        return (
            refused(state, why)
            if why
            else Step(replace(state, look=replace(state.look, by_layout=not state.look.by_layout)))
        )
