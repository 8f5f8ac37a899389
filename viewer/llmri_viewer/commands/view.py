"""Commands that choose what is seen: layer, site, zoom, colours."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from llmri_look import words
from llmri_look.colours import colour
from llmri_protocol.messages import Subscribe
from llmri_viewer import views
from llmri_viewer.commands.base import Silent, Step, told
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.options import LEAST_SIZE
from llmri_viewer.model.state import SpectrumName, ViewState

Switch = Literal[
    "log",
    "clip",
    "grid",
    "difference",
    "per_layer",
    "fixed",
    "timings",
]
TENTHS = 10
RESCALING: frozenset[Switch] = frozenset({"difference", "per_layer"})  # other values need another window
WINDOW_PIXELS = 200.0  # that a drag takes to make the window e times as wide, or move it by its width


def subscription(site: str) -> Subscribe:
    """Ask for every layer of a site, prompt positions too."""
    return Subscribe(id=UNNUMBERED, sites=(site,))


def at_site(state: ViewState, store: ScanStore, site: str) -> ViewState:
    """Show another site at the held token, or at its newest; at the shown token where it has no scan yet."""
    held = state.paused and store.sheet(state.at, site) is not None
    return replace(state, site=site, at=state.at if held else store.newest(site) or state.at)


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
class GoToTenth:
    """Jump to a tenth of the depth, 1 to 9."""

    tenth: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        layers = state.card.layers if state.card else 1
        return GoToLayer(self.tenth * layers // TENTHS).apply(state, store)


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
        shown = replace(at_site(state, store, site), selection=frozenset(), camera=None, limits=None)
        return Step(shown, (subscription(site),))


@dataclass(frozen=True)
class ShowProtected:
    """Mark the units whose ablation breaks the model, or no more; say how many there are."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        shown = replace(state, protected_shown=not state.protected_shown)
        here, elsewhere = len(shown.protected), len(state.card.protected if state.card else ())
        if not shown.protected_shown:
            return Step(shown)
        if not elsewhere:
            return Step(replace(shown, notice="this model has no protected units"))
        alone = sum(layer == state.layer for layer, _ in shown.protected)
        said = f"{words.count(here, 'protected unit')} at {state.site}, {alone} in layer {state.layer}"
        rest = "" if here == elsewhere else f"; {elsewhere - here} at other sites"
        return Step(replace(shown, notice=said + rest))


@dataclass(frozen=True)
class Zoom:
    """Zoom by so many steps at a point of the window, by default the view's middle."""

    steps: int
    at: tuple[float, float] | None = None

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(views.of(state).zoomed(state, self.steps, self.at))


@dataclass(frozen=True)
class Pan(Silent):
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
class Resize(Silent):
    """The window has a new size; below the least that has room for the panels it is drawn back to that."""

    width: int
    height: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        width, height = LEAST_SIZE
        return Step(replace(state, size=(max(width, self.width), max(height, self.height)), camera=None))


@dataclass(frozen=True)
class NextColours:
    """Take the next colour map."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        names = colour.NAMES
        return Step(replace(state, colour_map=names[(names.index(state.colour_map) + 1) % len(names)]))


@dataclass(frozen=True)
class NextSpectrum:
    """Take the next kind of spectrum: over units, over tokens, or both."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        names = get_args(SpectrumName)
        following = names[(names.index(state.spectrum) + 1) % len(names)]
        return Step(replace(state, spectrum=following, reach=Reach()))  # its axis is another one


@dataclass(frozen=True)
class AdjustWindow:
    """Set window and level by hand, as radiologists do: right makes the window wider, up moves it up.

    A diverging map keeps zero in its middle, so that only its width changes.
    """

    dx: float
    dy: float

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        picture = views.picture_of(state, store)
        if picture is not None and not views.of(state).scaled:
            return told(state, "this view sets its own scale")
        if picture is None:
            return told(state, "there are no colours to adjust yet")
        low, high = picture.scale.low, picture.scale.high
        half = min((high - low) / 2 * math.exp(self.dx / WINDOW_PIXELS), colour.MOST / 2)
        middle = (high + low) / 2
        if state.colour_map not in colour.DIVERGING:
            middle -= self.dy / WINDOW_PIXELS * 2 * half
            middle = max(-colour.MOST, min(middle, colour.MOST))
        return Step(replace(state, limits=(middle - half, middle + half)))


@dataclass(frozen=True)
class AutoWindow:
    """Let the values choose the window again."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, limits=None))


@dataclass(frozen=True)
class Toggle:
    """Turn one of the ways of looking on or off."""

    switch: Switch

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        changes: dict[str, Any] = {self.switch: not getattr(state, self.switch)}
        if self.switch in RESCALING:
            changes["limits"] = None
        return Step(replace(state, **changes))
