"""What every view can tell, from the state alone."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from llmri_viewer.model.history.store import Rows
from llmri_viewer.model.layout import face
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import At, Selection, ViewState
from llmri_viewer.model.unit_selection import Subject

Points = npt.NDArray[np.float64]

__all__ = ["At", "PlainView", "Points", "View"]


class View(Protocol):
    """A way of laying units out in the window; all places are in the window's pixels."""

    @property
    def of_clusters(self) -> bool:
        """Whether it shows a clustering, and is empty without one."""
        ...

    @property
    def scaled(self) -> bool:
        """Whether its colours are those of the colour bar."""
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

    def read_at(self, state: ViewState, at: At, values: Rows, /) -> int | None:
        """Give the index of the unit whose value is shown at a point, of values `[units]`."""
        ...

    def layer_at(self, state: ViewState, at: At, /) -> int | None:
        """Give the layer that a click at a point leads to."""
        ...

    def cluster_at(self, state: ViewState, at: At, /) -> int | None:
        """Give the number of the cluster at a point."""
        ...

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """Give the pixels of a unit, None where its middle is not in sight."""
        ...

    def middles(self, state: ViewState, /) -> Points:
        """Give the middle of every unit of the subject, `[units, 2]`, NaN where it has none."""
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


class PlainView:
    """What holds for a view without units of its own: nothing can be pointed at, and nothing zoomed."""

    of_clusters = False
    scaled = False

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return face.of(state.size).view

    def subject(self, _state: ViewState, /) -> Subject | None:
        """See `View`."""
        return None

    def unit_at(self, _state: ViewState, _at: At, /) -> int | None:
        """See `View`."""
        return None

    def read_at(self, state: ViewState, at: At, _values: Rows, /) -> int | None:
        """See `View`."""
        return self.unit_at(state, at)

    def layer_at(self, _state: ViewState, _at: At, /) -> int | None:
        """See `View`."""
        return None

    def cluster_at(self, _state: ViewState, _at: At, /) -> int | None:
        """See `View`."""
        return None

    def box_of(self, _state: ViewState, _index: int, /) -> Box | None:
        """See `View`."""
        return None

    def middles(self, _state: ViewState, /) -> Points:
        """See `View`."""
        return np.empty((0, 2))

    def zoomed(self, state: ViewState, _steps: int, _at: tuple[float, float] | None, /) -> ViewState:
        """See `View`."""
        return state

    def panned(self, state: ViewState, _dx: float, _dy: float, /) -> ViewState:
        """See `View`."""
        return state

    def fitted(self, state: ViewState, /) -> ViewState:
        """See `View`."""
        return state


def within(view: View, state: ViewState, outline: tuple[At, ...]) -> Selection:
    """Give the places of the units whose middle lies inside a closed line (even-odd rule)."""
    subject, middles = view.subject(state), view.middles(state)
    if subject is None or len(outline) < 3 or not len(middles):  # noqa: PLR2004 - a triangle at least
        return frozenset()
    low, high = np.min(outline, axis=0), np.max(outline, axis=0)
    near = np.flatnonzero(((middles >= low) & (middles <= high)).all(axis=1))
    inside = np.zeros(len(near), np.bool_)
    x, y = middles[near].T
    for (x1, y1), (x2, y2) in zip(outline, (*outline[1:], outline[0]), strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return frozenset(subject.place(index) for index in near[inside].tolist())
