"""Commands that choose what is seen: layer, site, zoom, colours."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from llmri_look import words
from llmri_look.colours import colour
from llmri_protocol.messages import Subscribe
from llmri_viewer import views
from llmri_viewer.commands.base import Silent, Step, refused
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.options import LEAST_SIZE
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import SpectrumName

Switch = Literal[
    "log",
    "clip",
    "grid",
    "difference",
    "per_layer",
    "fixed",
]
TENTHS = 10
RESCALING: frozenset[Switch] = frozenset({"difference", "per_layer"})  # other values need another window
WINDOW_PIXELS = 200.0  # that a drag takes to make the window e times as wide, or move it by its width


def subscription(site: str) -> Subscribe:
    """Ask for every layer of a site, prompt positions too."""
    return Subscribe(id=UNNUMBERED, sites=(site,))


def at_site(state: ViewState, store: ScanStore, site: str) -> ViewState:
    """Show another site at the held token, or at its newest; at the shown token where it has no scan yet.

    Units are selected anew, and the values choose the window.
    """
    held = state.time.paused and store.scan(state.time.at, site) is not None
    return replace(
        state,
        pane=replace(state.pane, site=site),
        time=replace(state.time, at=state.time.at if held else store.newest(site) or state.time.at),
        selection=replace(state.selection, units=frozenset()),
        look=replace(state.look, limits=None),
    )


@dataclass(frozen=True)
class MoveLayer:
    """Go so many layers down the list, stopping at its ends."""

    step: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        return GoToLayer(state.pane.layer + self.step).apply(state, store)


@dataclass(frozen=True)
class GoToLayer:
    """Show a layer, or the nearest there is."""

    layer: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        last = state.connection.card.layers - 1 if state.connection.card else 0
        return Step(replace(state, pane=replace(state.pane, layer=max(0, min(self.layer, last)))))


@dataclass(frozen=True)
class GoToTenth:
    """Jump to a tenth of the depth, 1 to 9."""

    tenth: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        layers = state.connection.card.layers if state.connection.card else 1
        return GoToLayer(self.tenth * layers // TENTHS).apply(state, store)


@dataclass(frozen=True)
class NextSite:
    """Show the site so many places on; its scans are asked for, units are selected anew."""

    step: int = 1

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        names = [site.name for site in state.connection.card.sites] if state.connection.card else []
        if state.pane.site not in names:
            return Step(state)
        if views.of(state).of_clusters and state.atlas:
            return refused(
                state, f"the clusters are of {state.pane.site}; another site can be seen in the grid"
            )
        site = names[(names.index(state.pane.site) + self.step) % len(names)]
        shown = at_site(state, store, site)
        return Step(replace(shown, pane=replace(shown.pane, camera=None)), (subscription(site),))


@dataclass(frozen=True)
class ShowProtected:
    """Mark the units whose ablation breaks the model, or no more; say how many there are."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        shown = replace(state, look=replace(state.look, protected_shown=not state.look.protected_shown))
        here, elsewhere = (
            len(shown.protected),
            len(state.connection.card.protected if state.connection.card else ()),
        )
        if not shown.look.protected_shown:
            return Step(shown)
        if not elsewhere:
            return Step(shown.noticing("this model has no protected units"))
        alone = sum(layer == state.pane.layer for layer, _ in shown.protected)
        said = (
            f"{words.count(here, 'protected unit')} at {state.pane.site}, {alone} in layer {state.pane.layer}"
        )
        rest = "" if here == elsewhere else f"; {elsewhere - here} at other sites"
        return Step(shown.noticing(said + rest))


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
        return Step(
            replace(
                state,
                window=replace(state.window, size=(max(width, self.width), max(height, self.height))),
                pane=replace(state.pane, camera=None),
            )
        )


@dataclass(frozen=True)
class NextColours:
    """Take the next colour map."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        names = colour.NAMES
        return Step(
            replace(
                state,
                look=replace(
                    state.look, colour_map=names[(names.index(state.look.colour_map) + 1) % len(names)]
                ),
            )
        )


@dataclass(frozen=True)
class NextSpectrum:
    """Take the next kind of spectrum: over units, over tokens, or both."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        names = get_args(SpectrumName)
        following = names[(names.index(state.look.spectrum) + 1) % len(names)]
        return Step(
            replace(
                state, look=replace(state.look, spectrum=following), pane=replace(state.pane, reach=Reach())
            )
        )  # its axis is another one


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
            return refused(state, "this view sets its own scale")
        if picture is None:
            return refused(state, "there are no colours to adjust yet")
        low, high = picture.scale.low, picture.scale.high
        half = min((high - low) / 2 * math.exp(self.dx / WINDOW_PIXELS), colour.MOST / 2)
        middle = (high + low) / 2
        if state.look.colour_map not in colour.DIVERGING:
            middle -= self.dy / WINDOW_PIXELS * 2 * half
            middle = max(-colour.MOST, min(middle, colour.MOST))
        return Step(replace(state, look=replace(state.look, limits=(middle - half, middle + half))))


@dataclass(frozen=True)
class AutoWindow:
    """Let the values choose the window again."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, look=replace(state.look, limits=None)))


@dataclass(frozen=True)
class Toggle:
    """Turn one of the ways of looking on or off."""

    switch: Switch

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        changes: dict[str, Any] = {self.switch: not getattr(state.look, self.switch)}
        if self.switch in RESCALING:
            changes["limits"] = None
        return Step(replace(state, look=replace(state.look, **changes)))
