"""Commands that choose a view, and those of the views that show clusters."""

from dataclasses import dataclass, replace

from llmri_clustering.correlation import Partners
from llmri_look import words
from llmri_look.view_names import ViewName
from llmri_protocol.messages import Stop
from llmri_viewer import views
from llmri_viewer.commands.base import Step, refused
from llmri_viewer.commands.edit import Deselect
from llmri_viewer.commands.effects import BuildClusters, FindPartners, SaveClusters, StopBuilding
from llmri_viewer.commands.view import at_site, subscription
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.atlas import Atlas, chosen_clusters
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import Selection
from llmri_viewer.views.base import unzoomed
from llmri_viewer.views.circles import flown


@dataclass(frozen=True)
class ShowView:
    """Show a view, or the grid where it is shown already.

    A view of clusters goes to their site, whose scans are asked for; where there are no clusters yet and
    samples enough, they are built.
    """

    view: ViewName

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        view = views.toggled(state, self.view)
        settling = 0.0 if view.settles else 1.0
        shown, requests = view.entered(
            unzoomed(
                replace(
                    state,
                    pane=replace(state.pane, view=view.name, settling=settling),
                    selection=replace(state.selection, lasso=()),
                )
            ),
            store,
        )
        if not view.of_clusters:
            return Step(shown, requests)
        if state.atlas is None:
            ready = (
                state.clusters.gathered.enough
                and state.clusters.job is None
                and state.connection.card is not None
            )
            return Step(shown, effects=(BuildClusters(),) if ready else ())
        return _at_site(shown, store, state.atlas.site)


def _at_site(state: ViewState, store: ScanStore, site: str) -> Step:
    """Show a site, and ask for its scans where it was not shown before."""
    if site == state.pane.site:
        return Step(state)
    return Step(at_site(state, store, site), (subscription(site),))


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
        view = views.of(state)
        if view.of_clusters and state.clusters.job is not None:
            return Step(state, effects=(StopBuilding(),))
        pending = state.measurements.pending.get(view.measures) if view.measures else None
        if pending is not None:
            return Step(state, (Stop(id=UNNUMBERED, command=pending.id),))
        outer = view.stepped_out(state)
        if outer is not None:
            return Step(outer)
        if not view.home:
            return ShowView(views.HOME).apply(state, store)
        return Deselect().apply(state, store)


@dataclass(frozen=True)
class SelectMostActive:
    """Select the clusters that fire most in the shown turn; where they are selected already, more of them."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        atlas, ranking = state.atlas, state.clusters.ranking
        if atlas is None:
            return refused(state, "there are no clusters yet")
        if ranking is None:
            return refused(state, "nothing was said yet that clusters could fire on")
        leading = ranking.leading(chosen_clusters(atlas, state.selection.units))
        places: Selection = frozenset().union(*map(atlas.places, leading))
        what = f"the {words.count(len(leading), 'cluster')} most active in {ranking.where}"
        notice = f"{what}: {words.count(len(places), 'unit')}; {{clusters.most_active}} again takes more"
        return Step(
            replace(
                state, selection=replace(state.selection, units=places, picked=ranking.order[0])
            ).noticing(notice)
        )


@dataclass(frozen=True)
class Rebuild:
    """Build clusters from what was seen so far; `alone` takes the shown layer only.

    While a building is under way it is ended instead.
    """

    alone: bool = False

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.clusters.job is not None:
            return Step(state, effects=(StopBuilding(),))
        if not state.clusters.gathered.enough:
            got = state.clusters.gathered
            return refused(state, cluster_words.missing_samples(got))
        return Step(state, effects=(BuildClusters((state.pane.layer,) if self.alone else None),))


@dataclass(frozen=True, eq=False)
class TakeClusters:
    """Show clusters that have been built, in the views of clusters."""

    atlas: Atlas
    partners: Partners

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        made = self.atlas.clustering
        many = words.count(len(made.clusters), "cluster")
        kept = state.selection.picked if state.selection.picked in self.atlas.cluster_group else None
        view = views.of(state)
        seen = unzoomed(state) if view.of_clusters else state
        taken = replace(
            seen,
            pane=replace(
                seen.pane, disc_camera=None, flight=None, focus=0, settling=0.0 if view.settles else 1.0
            ),
            clusters=replace(
                seen.clusters,
                loaded=self.atlas,
                partners=self.partners,
                misfit=self.atlas.misfit(state.connection.card) if state.connection.card else "",
            ),
            selection=replace(seen.selection, picked=kept),
        ).noticing(f"{many}: {cluster_words.provenance(made.provenance)}")
        if not view.of_clusters or taken.atlas is None:
            where = "{circles.toggle} and {hebbian.toggle} show them"
            return Step(taken.noticing(f"{taken.overlays.notice}; {where}"))
        return _at_site(taken, store, self.atlas.site)


@dataclass(frozen=True)
class ShowEdges:
    """Draw the strongest correlations as lines, or no more; they are worked out where they are not known."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        shown = replace(state, look=replace(state.look, edges=not state.look.edges))
        if (
            not shown.look.edges
            or shown.clusters.partners is not None
            or state.atlas is None
            or state.clusters.job is not None
        ):
            return Step(shown)
        if not state.clusters.gathered.enough:
            return refused(
                state, cluster_words.missing_samples(state.clusters.gathered, "lines of correlation")
            )
        return Step(shown, effects=(FindPartners(),))


@dataclass(frozen=True)
class KeepClusters:
    """Write the clusters to a file."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.atlas is None:
            return refused(state, "there are no clusters to save yet")
        return Step(state, effects=(SaveClusters(),))
