"""From a gesture's command and the place of the pointer to a command: what is under it decides."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from llmri_viewer import views
from llmri_viewer.commands.base import Command
from llmri_viewer.commands.clusters import EnterGroup, SelectMostActive
from llmri_viewer.commands.edit import Deselect, Select
from llmri_viewer.commands.view import GoToLayer
from llmri_viewer.model.state import ViewState
from llmri_viewer.views import legend
from llmri_viewer.views.base import At, within
from llmri_viewer.views.circles import group_to_enter


def at_pointer(name: str, state: ViewState, at: At) -> Command | None:
    """Return what a click's command means at a point of the view, None where it means nothing."""
    return POINTED[name](state, at) if name in POINTED else None


def lassoed(state: ViewState, *, add: bool) -> Command:
    """Return the selecting of what the drawn line goes around."""
    return Select(within(views.of(state), state, state.selection.lasso), add)


def _unit(state: ViewState, at: At, *, add: bool) -> Command | None:
    view = views.of(state)
    index, subject = view.unit_at(state, at), view.subject(state)
    listed = legend.cluster_at(state, at)
    if listed is not None and state.atlas:
        return Select(state.atlas.places(listed), add, listed)
    if legend.is_heading(state, at):
        return SelectMostActive()
    if index is None or subject is None:
        layer = view.layer_at(state, at)
        return None if layer is None or add else GoToLayer(layer)
    return Select(frozenset({subject.place(index)}), add)


def _cluster(state: ViewState, at: At, *, add: bool) -> Command | None:
    """Select the cluster, or the unit that is in none; nothing, where nothing is."""
    number = views.of(state).cluster_at(state, at)
    if number is None or state.atlas is None:
        inside = views.of(state).stage(state).holds(*at)
        return _unit(state, at, add=add) or (Deselect() if inside and not add else None)
    return Select(state.atlas.places(number), add, number)


def _enter(state: ViewState, at: At) -> Command | None:
    if state.atlas is None:
        return None
    listed = legend.cluster_at(state, at)
    group = group_to_enter(state, state.atlas, at)
    if listed is not None:
        group = state.atlas.cluster_group[listed]
    return None if group is None else EnterGroup(group)


POINTED: Mapping[str, Callable[[ViewState, At], Command | None]] = MappingProxyType(
    {
        "unit.select": lambda state, at: _unit(state, at, add=False),
        "unit.add": lambda state, at: _unit(state, at, add=True),
        "cluster.select": lambda state, at: _cluster(state, at, add=False),
        "cluster.add": lambda state, at: _cluster(state, at, add=True),
        "cluster.enter": _enter,
    }
)
