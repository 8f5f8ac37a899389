"""Commands of the views that show clusters."""

from dataclasses import dataclass, replace

from llmri_viewer.commands.base import Step
from llmri_viewer.commands.looking import subscription
from llmri_viewer.state import ViewName, ViewState
from llmri_viewer.store import ScanStore
from llmri_viewer.views.circles import flown


@dataclass(frozen=True)
class ShowView:
    """Show a view, or the grid where it is shown already.

    A view of clusters goes to their site, whose scans are asked for.
    """

    view: ViewName

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        view: ViewName = "grid" if state.view == self.view else self.view
        shown = replace(state, view=view, camera=None, lens=None, flight=None, focus=0)
        if view == "grid" or state.clusters is None or state.clusters.site == state.site:
            return Step(shown)
        site = state.clusters.site
        at = state.at if state.paused and store.sheet(state.at, site) else store.newest(site)
        return Step(replace(shown, site=site, at=at, selection=frozenset()), (subscription(site),))


@dataclass(frozen=True)
class EnterGroup:
    """Let a group of the packing fill the view."""

    group: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(flown(state, self.group))


@dataclass(frozen=True)
class StepOut:
    """Zoom out one level; from the outermost, go back to the grid."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.clusters is None or (state.focus == 0 and state.lens is None):
            return ShowView("grid").apply(state, store)
        parent = int(state.clusters.clustering.nesting.parent[state.focus])
        return Step(flown(state, state.focus if state.lens else max(0, parent)))
