"""Commands that choose a view, and those of the views that show clusters."""

from dataclasses import dataclass, replace

from llmri_clustering.correlation import Partners
from llmri_protocol.messages import Stop
from llmri_viewer.commands.base import Step, told
from llmri_viewer.commands.edit import Deselect
from llmri_viewer.commands.effects import BuildClusters, FindPartners, SaveClusters, StopBuilding
from llmri_viewer.commands.view import at_site, subscription
from llmri_viewer.model.clusters.atlas import Atlas, chosen_clusters
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.measured.measuring import SHOWN, UNNUMBERED
from llmri_viewer.model.state import Selection, ViewName, ViewState
from llmri_viewer.model.wording import words
from llmri_viewer.views.circles import flown

OF_CLUSTERS: frozenset[ViewName] = frozenset({"circles", "hebbian"})


@dataclass(frozen=True)
class ShowView:
    """Show a view, or the grid where it is shown already.

    A view of clusters goes to their site, whose scans are asked for; where there are no clusters yet and
    samples enough, they are built.
    """

    view: ViewName

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        view: ViewName = "grid" if state.view == self.view else self.view
        shown = unzoomed(replace(state, view=view, lasso=(), settling=0.0 if view == "hebbian" else 1.0))
        if view == "tokens":
            shown = replace(shown, measurements=state.measurements.retried("lens"))
        if view not in OF_CLUSTERS:
            return Step(shown)
        if state.clusters is None:
            ready = state.gathered.enough and state.job is None and state.card is not None
            return Step(shown, errands=(BuildClusters(),) if ready else ())
        return _at_site(shown, store, state.clusters.site)


def _at_site(state: ViewState, store: ScanStore, site: str) -> Step:
    """Show a site, and ask for its scans where it was not shown before."""
    if site == state.site:
        return Step(state)
    moved = replace(at_site(state, store, site), selection=frozenset(), limits=None)
    return Step(moved, (subscription(site),))


def unzoomed(state: ViewState) -> ViewState:
    """Show everything of the view, at once."""
    return replace(state, camera=None, lens=None, flight=None, focus=0, reach=Reach())


@dataclass(frozen=True)
class EnterGroup:
    """Let a group of the packing fill the view."""

    group: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(flown(state, self.group))


@dataclass(frozen=True)
class StepOut:
    """Zoom out one level; from the outermost, leave the view; in the grid, select nothing.

    Where clusters are being built in a view of clusters, or the view waits for a measurement, that is ended
    first.
    """

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.view in OF_CLUSTERS and state.job is not None:
            return Step(state, errands=(StopBuilding(),))
        pending = state.measurements.pending.get(SHOWN[state.view]) if state.view in SHOWN else None
        if pending is not None:
            return Step(state, (Stop(id=UNNUMBERED, command=pending.id),))
        if state.view == "circles" and state.clusters and (state.focus or state.lens):
            parent = int(state.clusters.clustering.nesting.parent[state.focus])
            return Step(flown(state, state.focus if state.lens else max(0, parent)))
        if state.camera is not None or state.reach != Reach():
            return Step(unzoomed(state))
        if state.view != "grid":
            return ShowView("grid").apply(state, store)
        return Deselect().apply(state, store)


@dataclass(frozen=True)
class SelectMostActive:
    """Select the clusters that fire most in the shown turn; where they are selected already, more of them."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        atlas, ranking = state.clusters, state.ranking
        if atlas is None:
            return told(state, "there are no clusters yet")
        if ranking is None:
            return told(state, "nothing was said yet that clusters could fire on")
        leading = ranking.leading(chosen_clusters(atlas, state.selection))
        places: Selection = frozenset().union(*map(atlas.places, leading))
        what = f"the {words.count(len(leading), 'cluster')} most active in {ranking.where}"
        notice = f"{what}: {words.count(len(places), 'unit')}; {{clusters.most_active}} again takes more"
        return Step(replace(state, selection=places, picked=ranking.order[0], notice=notice))


@dataclass(frozen=True)
class Rebuild:
    """Build clusters from what was seen so far; `alone` takes the shown layer only.

    While a building is under way it is ended instead.
    """

    alone: bool = False

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.job is not None:
            return Step(state, errands=(StopBuilding(),))
        if not state.gathered.enough:
            got = state.gathered
            return told(state, words.missing_samples(got))
        return Step(state, errands=(BuildClusters((state.layer,) if self.alone else None),))


@dataclass(frozen=True, eq=False)
class TakeClusters:
    """Show clusters that have been built, in the views of clusters."""

    atlas: Atlas
    partners: Partners

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        made = self.atlas.clustering
        kept = state.picked if state.picked in self.atlas.cluster_group else None
        seen = unzoomed(state) if state.view in OF_CLUSTERS else state
        taken = replace(
            seen,
            lens=None,
            flight=None,
            focus=0,
            atlas=self.atlas,
            partners=self.partners,
            misfit=self.atlas.misfit(state.card) if state.card else "",
            picked=kept,
            settling=0.0 if state.view == "hebbian" else 1.0,
            notice=f"{words.count(len(made.clusters), 'cluster')}: {words.provenance(made.provenance)}",
        )
        if taken.view not in OF_CLUSTERS or taken.clusters is None:
            where = "{circles.toggle} and {hebbian.toggle} show them"
            return Step(replace(taken, notice=f"{taken.notice}; {where}"))
        return _at_site(taken, store, self.atlas.site)


@dataclass(frozen=True)
class ShowEdges:
    """Draw the strongest correlations as lines, or no more; they are worked out where they are not known."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        shown = replace(state, edges=not state.edges)
        if not shown.edges or shown.partners is not None or state.clusters is None or state.job is not None:
            return Step(shown)
        if not state.gathered.enough:
            return told(state, words.missing_samples(state.gathered, "lines of correlation"))
        return Step(shown, errands=(FindPartners(),))


@dataclass(frozen=True)
class KeepClusters:
    """Write the clusters to a file."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.clusters is None:
            return told(state, "there are no clusters to save yet")
        return Step(state, errands=(SaveClusters(),))
