"""What every view can tell, from the state alone."""

from typing import Protocol

from llmri_viewer.geometry import Box
from llmri_viewer.state import ViewState
from llmri_viewer.subject import Subject

At = tuple[int, int]


class View(Protocol):
    """A way of laying units out in the window; all places are in the window's pixels."""

    @property
    def of_clusters(self) -> bool:
        """Whether it shows a clustering, and is empty without one."""
        ...

    def stage(self, state: ViewState, /) -> Box:
        """Give the part of the window in which units are drawn."""
        ...

    def subject(self, state: ViewState, /) -> Subject | None:
        """Give the units it shows, None where there are none."""
        ...

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """Say what is shown, and where it is from."""
        ...

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """Give the index of the unit at a point."""
        ...

    def cluster_at(self, state: ViewState, at: At, /) -> int | None:
        """Give the number of the cluster at a point."""
        ...

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """Give the pixels of a unit, None where its middle is not in sight."""
        ...

    def zoomed(self, state: ViewState, steps: int, at: tuple[float, float] | None, /) -> ViewState:
        """Zoom in by so many steps at a point, by default the middle."""
        ...

    def panned(self, state: ViewState, dx: float, dy: float, /) -> ViewState:
        """Move the picture."""
        ...

    def fitted(self, state: ViewState, /) -> ViewState:
        """Show everything."""
        ...
