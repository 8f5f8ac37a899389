"""The views: how each lays its units out, and what is under the pointer; nothing is drawn here."""

from collections.abc import Mapping
from types import MappingProxyType

from llmri_viewer.state import ViewName, ViewState
from llmri_viewer.views.base import View
from llmri_viewer.views.circles import CirclesView
from llmri_viewer.views.lattice import GridView, HebbianView

__all__ = ["VIEWS", "View", "of"]

VIEWS: Mapping[ViewName, View] = MappingProxyType(
    {"grid": GridView(), "circles": CirclesView(), "hebbian": HebbianView()}
)


def of(state: ViewState) -> View:
    """Give the view that is shown."""
    return VIEWS[state.view]
