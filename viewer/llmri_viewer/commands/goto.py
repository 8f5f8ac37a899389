"""Commands of the box in which a person types where to go."""

from dataclasses import dataclass, replace

from llmri_viewer import views
from llmri_viewer.commands.base import Step, told
from llmri_viewer.commands.clusters import OF_CLUSTERS, ShowView, unzoomed
from llmri_viewer.commands.edit import Select
from llmri_viewer.commands.tokens import GoToMoment
from llmri_viewer.commands.view import GoToLayer
from llmri_viewer.model.goto import ClusterPlace, LayerPlace, MomentPlace, Place, UnitPlace, read
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewName, ViewState
from llmri_viewer.views.circles import flown

WITHOUT_UNITS: frozenset[ViewName] = frozenset({"tokens", "compare"})


@dataclass(frozen=True)
class OpenGoto:
    """Open the box."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, goto=""))


@dataclass(frozen=True)
class LeaveGoto:
    """Close the box and go nowhere."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, goto=None))


@dataclass(frozen=True)
class Go:
    """Go where the typed text leads, and close the box; where it leads nowhere, nothing moves."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        if not state.goto:
            return LeaveGoto().apply(state, store)
        reading = read(state.goto, state, store)
        if reading.place is None:
            return told(state, reading.sentence)
        return _gone(replace(state, goto=None), store, reading.place)


def _gone(state: ViewState, store: ScanStore, place: Place) -> Step:
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
    state = Select(frozenset({where})).apply(replace(state, layer=place.layer), store).state
    subject = views.of(state).subject(state)
    lacks = subject is not None and subject.index(where) is None
    if state.view in WITHOUT_UNITS or lacks or (subject is None and state.view in OF_CLUSTERS):
        state = ShowView("grid").apply(state, store).state
    return _in_sight(state, where)


def _in_sight(state: ViewState, where: tuple[int, int]) -> ViewState:
    """Move the camera to a unit where it is out of sight."""
    view = views.of(state)
    subject = view.subject(state)
    index = subject.index(where) if subject else None
    if index is None or _whole(view.box_of(state, index), view.stage(state)):
        return state
    middles = view.middles(state)
    if state.view == "circles" or index >= len(middles):
        return unzoomed(state)
    stage = view.stage(state)
    x, y = middles[index].tolist()
    moved = view.panned(state, stage.x + stage.width / 2 - x, stage.y + stage.height / 2 - y)
    return moved if _whole(view.box_of(moved, index), stage) else unzoomed(state)


def _whole(box: Box | None, stage: Box) -> bool:
    """Tell whether a unit's pixels are all in sight."""
    return box is not None and stage.holds(box.x, box.y) and stage.holds(box.right - 1, box.bottom - 1)


def _at_cluster(state: ViewState, store: ScanStore, number: int) -> Step:
    """Select a cluster, and show it among the circles unless it is shown in the layout."""
    atlas = state.clusters
    if atlas is None:
        return Step(state)
    step = Step(state) if state.view in OF_CLUSTERS else ShowView("circles").apply(state, store)
    chosen = Select(atlas.places(number), cluster=number).apply(step.state, store).state
    if chosen.view == "circles" and number in atlas.cluster_group:
        chosen = flown(chosen, atlas.cluster_group[number])
    return replace(step, state=chosen)
