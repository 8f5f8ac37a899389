"""The views: how each lays its units out, and what is under the pointer; nothing is drawn here."""

from collections.abc import Mapping
from types import MappingProxyType

from llmri_viewer.model.state import ViewName, ViewState
from llmri_viewer.views.all_layers import AllLayersView
from llmri_viewer.views.base import View
from llmri_viewer.views.circles import CirclesView
from llmri_viewer.views.compare import CompareView
from llmri_viewer.views.influence import InfluenceView
from llmri_viewer.views.lattice import GridView, HebbianView
from llmri_viewer.views.spectral import SpectralView
from llmri_viewer.views.tokens import TokensView

__all__ = ["VIEWS", "View", "of"]

VIEWS: Mapping[ViewName, View] = MappingProxyType(
    {
        "grid": GridView(),
        "hebbian": HebbianView(),
        "circles": CirclesView(),
        "spectral": SpectralView(),
        "influence": InfluenceView(),
        "layers": AllLayersView(),
        "tokens": TokensView(),
        "compare": CompareView(),
    }
)


def of(state: ViewState) -> View:
    """Give the view that is shown."""
    return VIEWS[state.view]
