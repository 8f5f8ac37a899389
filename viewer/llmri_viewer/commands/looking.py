"""Commands that choose what is seen: layer, site, zoom, colours."""

from dataclasses import dataclass, replace
from typing import Literal

from llmri_protocol.messages import Subscribe
from llmri_viewer import colour, views
from llmri_viewer.commands.base import UNNUMBERED, Step, told
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore

Switch = Literal["log", "clip", "grid", "difference"]


def subscription(site: str) -> Subscribe:
    """Ask for every layer of a site, prompt positions too."""
    return Subscribe(id=UNNUMBERED, sites=(site,))


@dataclass(frozen=True)
class MoveLayer:
    """Go so many layers down the list, stopping at its ends."""

    step: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        return GoToLayer(state.layer + self.step).apply(state, store)


@dataclass(frozen=True)
class GoToLayer:
    """Show a layer, or the nearest there is."""

    layer: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        last = state.card.layers - 1 if state.card else 0
        return Step(replace(state, layer=max(0, min(self.layer, last))))


@dataclass(frozen=True)
class NextSite:
    """Show the site so many places on; its scans are asked for, units are selected anew."""

    step: int = 1

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        names = [site.name for site in state.card.sites] if state.card else []
        if state.site not in names:
            return Step(state)
        if views.of(state).of_clusters and state.clusters:
            return told(state, f"the clusters are of {state.site}; another site can be seen in the grid")
        site = names[(names.index(state.site) + self.step) % len(names)]
        kept = store.sheet(state.at, site)
        at = state.at if kept is not None and state.paused else store.newest(site)
        shown = replace(state, site=site, at=at, selection=frozenset(), camera=None)
        return Step(shown, (subscription(site),))


@dataclass(frozen=True)
class Zoom:
    """Zoom by so many steps at a point of the window, by default the view's middle."""

    steps: int
    at: tuple[float, float] | None = None

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(views.of(state).zoomed(state, self.steps, self.at))


@dataclass(frozen=True)
class Pan:
    """Move the picture by so many pixels."""

    dx: float
    dy: float

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(views.of(state).panned(state, self.dx, self.dy))


@dataclass(frozen=True)
class Fit:
    """Show everything again."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(views.of(state).fitted(state))


@dataclass(frozen=True)
class Resize:
    """The window has a new size."""

    width: int
    height: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, size=(self.width, self.height), camera=None))


@dataclass(frozen=True)
class NextColours:
    """Take the next colour map."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        names = colour.NAMES
        return Step(replace(state, colour_map=names[(names.index(state.colour_map) + 1) % len(names)]))


@dataclass(frozen=True)
class Toggle:
    """Turn one of the ways of looking on or off."""

    switch: Switch

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        match self.switch:
            case "log":
                return Step(replace(state, log=not state.log))
            case "clip":
                return Step(replace(state, clip=not state.clip))
            case "grid":
                return Step(replace(state, grid=not state.grid))
            case "difference":
                return Step(replace(state, difference=not state.difference))
