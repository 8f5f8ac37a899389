"""Views that stretch a part of an axis over their width."""

from dataclasses import replace

from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.base import PlainView


class ReachingView(PlainView):
    """What they have in common: zoom and pan along the axis."""

    def axis(self, state: ViewState, /) -> Box:
        """Return the pixels that the axis is stretched over."""
        raise NotImplementedError

    def least(self, state: ViewState, /) -> float:
        """Return the share of the axis that stays in sight however close the look is."""
        raise NotImplementedError

    def zoomed(self, state: ViewState, steps: int, at: tuple[float, float] | None, /) -> ViewState:
        """See `View`."""
        axis = self.axis(state)
        share = min(1.0, max(0.0, (at[0] - axis.x) / max(1, axis.width))) if at else 0.5
        return replace(
            state, pane=replace(state.pane, reach=state.pane.reach.zoomed(steps, share, self.least(state)))
        )

    def panned(self, state: ViewState, dx: float, _dy: float, /) -> ViewState:
        """See `View`."""
        return replace(
            state,
            pane=replace(state.pane, reach=state.pane.reach.panned(dx / max(1, self.axis(state).width))),
        )

    def fitted(self, state: ViewState, /) -> ViewState:
        """See `View`."""
        return replace(state, pane=replace(state.pane, reach=Reach()))
