"""What the viewer shows, as one frozen value; commands and messages make the next one from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType

from llmri_client.link_status import Link as Link  # noqa: PLC0414 - part of the state
from llmri_client.link_status import LinkStatus as LinkStatus  # noqa: PLC0414
from llmri_look.view_names import SHARED_KEYS, Mode
from llmri_protocol.messages import Edit, SiteCard
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.under import Edits as EditSet
from llmri_viewer.model.history.under import Place, Under, units_of
from llmri_viewer.model.measured.measuring import Measurements
from llmri_viewer.model.options import Options
from llmri_viewer.model.state_groups import (
    ClusterState,
    ConnectionState,
    EditState,
    LookState,
    OverlayState,
    PaneState,
    Selection,
    SelectionState,
    TimeState,
    TypingState,
    WindowState,
)

NO_UNITS: Mapping[Place, Edit] = MappingProxyType({})


@lru_cache(maxsize=4)
def by_layer(selection: Selection) -> Mapping[int, tuple[int, ...]]:
    """Sort selected units by layer; both ascend."""
    found: dict[int, list[int]] = {}
    for layer, unit in sorted(selection):
        found.setdefault(layer, []).append(unit)
    return MappingProxyType({layer: tuple(units) for layer, units in found.items()})


@lru_cache(maxsize=8)
def _later(standing: EditSet, under: Under) -> EditSet:
    known = frozenset(under.sure)
    return tuple(edit for edit in standing if edit not in known)


@lru_cache(maxsize=8)
def _later_units(standing: EditSet, under: Under) -> Mapping[Place, Edit]:
    return units_of(_later(standing, under))


@dataclass(frozen=True)
class ViewState:
    """Everything a picture depends on, but for the scans themselves and the meters; in groups."""

    window: WindowState
    connection: ConnectionState
    look: LookState
    editing: EditState
    time: TimeState = field(default_factory=TimeState)
    pane: PaneState = field(default_factory=PaneState)
    selection: SelectionState = field(default_factory=SelectionState)
    clusters: ClusterState = field(default_factory=ClusterState)
    measurements: Measurements = field(default_factory=Measurements)
    typing: TypingState = field(default_factory=TypingState)
    overlays: OverlayState = field(default_factory=OverlayState)

    def noticing(self, sentence: str, *, warning: bool = False) -> "ViewState":
        """Return the state with a notice in place of the last one."""
        return replace(self, overlays=replace(self.overlays, notice=sentence, warning=warning))

    @property
    def mode(self) -> Mode:
        """Return the key table that holds now: `help`, `chat`, `goto`, a view's own, or `view`."""
        if self.overlays.help:
            return "help"
        if self.typing.chat is not None:
            return "chat"
        if self.typing.goto is not None:
            return "goto"
        return self.view_mode

    @property
    def view_mode(self) -> Mode:
        """Return the key table of the view: its own, or `view` for the grid."""
        return SHARED_KEYS.get(self.pane.view, self.pane.view)

    @property
    def attended(self) -> bool:
        """Whether something was said yet that can be measured."""
        return self.time.at is not None

    @property
    def moving(self) -> bool:
        """Whether the picture changes with time alone, so that it has to be drawn again and again."""
        return (
            self.pane.flight is not None
            or self.time.replaying
            or self.pane.settling < 1
            or self.overlays.recording
        )

    @property
    def apart(self) -> bool:
        """Whether the shown token was computed under other edits than stand now, or that is not certain."""
        return self.time.at is not None and self.time.under.edits != self.editing.standing.edits

    @property
    def stale(self) -> bool:
        """Whether keys and values come from other edits, now or when the shown token was read."""
        return self.editing.standing.stale or (self.time.at is not None and self.time.under.stale)

    @property
    def shown_edits(self) -> EditSet:
        """Return the edits that the shown token was computed under for certain; without one, what stands."""
        return self.editing.standing.edits if self.time.at is None else self.time.under.sure

    @property
    def shown_units(self) -> Mapping[Place, Edit]:
        """Return the edit that each unit obeyed at the shown token."""
        return self.editing.standing.units if self.time.at is None else self.time.under.units

    @property
    def later_edits(self) -> EditSet:
        """Return the edits that stand now, and that the shown token was not computed under for certain."""
        return _later(self.editing.standing.edits, self.time.under) if self.apart else ()

    @property
    def later_units(self) -> Mapping[Place, Edit]:
        """Return the edit of each unit that those edits name."""
        return _later_units(self.editing.standing.edits, self.time.under) if self.apart else NO_UNITS

    @property
    def atlas(self) -> Atlas | None:
        """Return the clusters, where they are of the connected model."""
        return self.clusters.loaded if self.connection.card and not self.clusters.misfit else None

    def scaling(self, factor: float) -> EditSet:
        """Return the edits that multiply the selected units by a factor, one a layer."""
        return tuple(
            Edit(site=self.pane.site, layer=layer, units=units, value=factor)
            for layer, units in by_layer(self.selection.units).items()
        )

    @property
    def protected(self) -> Selection:
        """Return the protected units of the shown site, while they are to be shown."""
        if self.connection.card is None or not self.look.protected_shown:
            return frozenset()
        return frozenset(
            (one.layer, one.unit) for one in self.connection.card.protected if one.site == self.pane.site
        )

    @property
    def site_card(self) -> SiteCard | None:
        """Return the shown site's description."""
        sites = self.connection.card.sites if self.connection.card else ()
        return next((site for site in sites if site.name == self.pane.site), None)

    @property
    def width(self) -> int:
        """Count the units of a layer at the shown site; 0 while no model is known."""
        return self.site_card.width if self.site_card else 0


def first(
    options: Options,
    address: str,
    *,
    site: str = "",
    layer: int | None = None,
    atlas: Atlas | None = None,
    read_only: bool = False,
) -> ViewState:
    """Return the state to begin with; without a site or layer the model's own are shown."""
    return ViewState(
        WindowState(size=(options.width, options.height)),
        ConnectionState(LinkStatus(Link.CONNECTING, f"connecting to {address} …"), read_only=read_only),
        LookState(options.colour_map, log=options.log, clip=options.clip, grid=options.grid),
        EditState(options.boost, options.boost_step),
        pane=PaneState(site=site, wanted_layer=layer),
        clusters=ClusterState(loaded=atlas),
    )
