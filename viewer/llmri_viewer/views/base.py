"""What every view can tell, from the state alone."""

from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from llmri_look.view_names import ViewName
from llmri_protocol.messages import Command as Request
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.measured.measuring import Kind
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import At, Selection
from llmri_viewer.model.unit_selection import UnitSelection
from llmri_viewer.views.picture import Picture, Words, picture_of_units, scale_in_words
from llmri_viewer.views.table import Table, units_table
from llmri_viewer.views.why import why_no_picture

Points = npt.NDArray[np.float64]

__all__ = ["At", "PlainView", "Points", "View"]


class Entry(NamedTuple):
    """The state in which a view is shown anew, and what is asked of the server for it."""

    state: ViewState
    requests: tuple[Request, ...] = ()


class View(Protocol):
    """What can be shown, in one object: its units, picture, table and measurements, and where things stand.

    All places are in the window's pixels. Its painter is in `PAINTERS` of a module of `drawing`, by its name.
    """

    @property
    def name(self) -> ViewName:
        """Name it, as the state does."""
        ...

    @property
    def home(self) -> bool:
        """Whether it is the view that others go back to."""
        ...

    @property
    def has_units(self) -> bool:
        """Whether a unit may have a place in it."""
        ...

    @property
    def packs(self) -> bool:
        """Whether its units are circles inside those of their clusters: drawn without values, too."""
        ...

    @property
    def settles(self) -> bool:
        """Whether its units glide from index order to their place."""
        ...

    @property
    def measures(self) -> Kind | None:
        """Tell what measurement of the server's it shows."""
        ...

    @property
    def of_clusters(self) -> bool:
        """Whether it shows a clustering, and is empty without one."""
        ...

    @property
    def scaled(self) -> bool:
        """Whether its colours are those of the colour bar."""
        ...

    def stage(self, state: ViewState, /) -> Box:
        """Return the part of the window in which units are drawn."""
        ...

    def subject(self, state: ViewState, /) -> UnitSelection | None:
        """Return the units it shows, None where there are none."""
        ...

    def picture(self, state: ViewState, store: ScanStore, /) -> Picture | None:
        """Return the shown units' values with their scale, None where there is nothing to show."""
        ...

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """Return what it shows in numbers, None where it shows none."""
        ...

    def why_empty(self, state: ViewState, store: ScanStore, /) -> Words:
        """Say in a headline and a sentence why there is nothing to show, and what to do next."""
        ...

    def scale_words(self, state: ViewState, /) -> str:
        """Return the colour scale in words."""
        ...

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """Say what is shown, and where it is from."""
        ...

    def entered(self, state: ViewState, store: ScanStore, /) -> Entry:
        """Return the state in which it is shown anew, from one in which all of it is in sight."""
        ...

    def needs(self, state: ViewState, store: ScanStore, /) -> Request | None:
        """Return what it asks of the server by itself while it is shown."""
        ...

    def advanced(self, state: ViewState, seconds: float, /) -> ViewState:
        """Return the state so much later, while something in it moves by itself."""
        ...

    def stepped_out(self, state: ViewState, /) -> ViewState | None:
        """Return the state one level further out, None from the outermost."""
        ...

    def with_unit(self, state: ViewState, index: int, /) -> ViewState:
        """Bring a unit in sight."""
        ...

    def with_cluster(self, state: ViewState, number: int, /) -> ViewState:
        """Bring a cluster in sight."""
        ...

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """Return the index of the unit at a point."""
        ...

    def read_at(self, state: ViewState, at: At, values: Rows, /) -> int | None:
        """Return the index of the unit whose value is shown at a point, of values `[units]`."""
        ...

    def layer_at(self, state: ViewState, at: At, /) -> int | None:
        """Return the layer that a click at a point leads to."""
        ...

    def cluster_at(self, state: ViewState, at: At, /) -> int | None:
        """Return the number of the cluster at a point."""
        ...

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """Return the pixels of a unit, None where its middle is not in sight."""
        ...

    def middles(self, state: ViewState, /) -> Points:
        """Return the middle of every unit of the subject, `[units, 2]`, NaN where it has none."""
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

    home = False
    has_units = True
    of_clusters = False
    scaled = False
    packs = False
    settles = False
    measures: Kind | None = None

    def picture(self, state: ViewState, store: ScanStore, /) -> Picture | None:
        """See `View`."""
        return picture_of_units(self.subject(state), state, store)

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`."""
        return units_table(state, self.subject(state), self.picture(state, store))

    def why_empty(self, state: ViewState, store: ScanStore, /) -> Words:
        """See `View`."""
        return why_no_picture(state, store, of_clusters=self.of_clusters)

    def scale_words(self, state: ViewState, /) -> str:
        """See `View`."""
        return scale_in_words(state, "these units")

    def entered(self, state: ViewState, _store: ScanStore, /) -> Entry:
        """See `View`."""
        return Entry(state)

    def needs(self, _state: ViewState, _store: ScanStore, /) -> Request | None:
        """See `View`."""
        return None

    def advanced(self, state: ViewState, _seconds: float, /) -> ViewState:
        """See `View`."""
        return state

    def stepped_out(self, state: ViewState, /) -> ViewState | None:
        """See `View`."""
        return unzoomed(state) if state.pane.camera is not None or state.pane.reach != Reach() else None

    def with_unit(self, state: ViewState, index: int, /) -> ViewState:
        """See `View`: pan to it where that is enough, else show everything."""
        stage, middles = self.stage(state), self.middles(state)
        if is_whole(self.box_of(state, index), stage):
            return state
        if index >= len(middles):
            return unzoomed(state)
        x, y = middles[index].tolist()
        moved = self.panned(state, stage.x + stage.width / 2 - x, stage.y + stage.height / 2 - y)
        return moved if is_whole(self.box_of(moved, index), stage) else unzoomed(state)

    def with_cluster(self, state: ViewState, _number: int, /) -> ViewState:
        """See `View`."""
        return state

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return window_parts.of(state.window.size).view

    def subject(self, _state: ViewState, /) -> UnitSelection | None:
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


def unzoomed(state: ViewState) -> ViewState:
    """Show everything of the view, at once."""
    return replace(
        state, pane=replace(state.pane, camera=None, disc_camera=None, flight=None, focus=0, reach=Reach())
    )


def is_whole(box: Box | None, stage: Box) -> bool:
    """Tell whether a unit's pixels are all in sight."""
    return box is not None and stage.holds(box.x, box.y) and stage.holds(box.right - 1, box.bottom - 1)


def within(view: View, state: ViewState, outline: tuple[At, ...]) -> Selection:
    """Return the places of the units whose middle lies inside a closed line (even-odd rule)."""
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
