"""Commands of the box in which a person types where to go."""

from dataclasses import dataclass, replace

from llmri_viewer import views
from llmri_viewer.commands.base import Step, refused
from llmri_viewer.commands.clusters import ShowView
from llmri_viewer.commands.edit import Select
from llmri_viewer.commands.tokens import GoToMoment
from llmri_viewer.commands.view import GoToLayer
from llmri_viewer.model.goto import ClusterPlace, Destination, LayerPlace, MomentPlace, UnitPlace, read
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import ViewState


@dataclass(frozen=True)
class OpenGoto:
    """Open the box."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, typing=replace(state.typing, goto="")))


@dataclass(frozen=True)
class LeaveGoto:
    """Close the box and go nowhere."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, typing=replace(state.typing, goto=None)))


@dataclass(frozen=True)
class Go:
    """Go where the typed text leads, and close the box; where it leads nowhere, nothing moves."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        if not state.typing.goto:
            return LeaveGoto().apply(state, store)
        reading = read(state.typing.goto, state, store)
        if reading.destination is None:
            return refused(state, reading.sentence)
        return _gone(replace(state, typing=replace(state.typing, goto=None)), store, reading.destination)


def _gone(state: ViewState, store: ScanStore, place: Destination) -> Step:
    match place:
        case UnitPlace():
            return Step(_at_unit(state, store, place))
        case LayerPlace():
            return GoToLayer(place.layer).apply(state, store)
        case ClusterPlace():
            return _at_cluster(state, store, place.number)
        case MomentPlace():
            return GoToMoment(place.moment).apply(state, store)


def _at_unit(state: ViewState, store: ScanStore, place: UnitPlace) -> ViewState:
    """Select a unit where it is in sight: the grid, where the shown view has no place for it."""
    where = (place.layer, place.unit)
    state = (
        Select(frozenset({where}))
        .apply(replace(state, pane=replace(state.pane, layer=place.layer)), store)
        .state
    )
    view = views.of(state)
    subject = view.subject(state)
    lacks = subject is not None and subject.index(where) is None
    if not view.has_units or lacks or (subject is None and view.of_clusters):
        state = ShowView(views.HOME).apply(state, store).state
    return _in_sight(state, where)


def _in_sight(state: ViewState, where: tuple[int, int]) -> ViewState:
    """Move the camera to a unit where it is out of sight."""
    view = views.of(state)
    subject = view.subject(state)
    index = subject.index(where) if subject else None
    return state if index is None else view.with_unit(state, index)


def _at_cluster(state: ViewState, store: ScanStore, number: int) -> Step:
    """Select a cluster, and show it among the circles unless it is shown in the layout."""
    atlas = state.atlas
    if atlas is None:
        return Step(state)
    step = Step(state) if views.of(state).of_clusters else ShowView("circles").apply(state, store)
    chosen = Select(atlas.places(number), cluster=number).apply(step.state, store).state
    return replace(step, state=views.of(chosen).with_cluster(chosen, number))
