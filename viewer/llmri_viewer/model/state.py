"""What the viewer shows, as one frozen value; commands and messages make the next one from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from llmri_client.link_status import Link as Link  # noqa: PLC0414 - part of the state
from llmri_client.link_status import LinkStatus as LinkStatus  # noqa: PLC0414
from llmri_clustering.correlation import Partners
from llmri_look.colours.theme import ColourMapName
from llmri_look.edit_effects import EditEffect, effect_of
from llmri_look.view_names import OWN_KEYS, ViewMode, ViewName
from llmri_protocol.messages import Edit, Edits, ModelCard, SiteCard, Welcome
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.gathered import Gathered, Job
from llmri_viewer.model.clusters.ranking import Ranking
from llmri_viewer.model.history.revisions import UNKNOWN, Place, Under, units_of
from llmri_viewer.model.history.revisions import Edits as EditSet
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.layout.disc_camera import DiscCamera, Flight
from llmri_viewer.model.layout.geometry import Camera
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.measured.measuring import Measurements
from llmri_viewer.model.options import Options

At = tuple[int, int]
Selection = frozenset[tuple[int, int]]
NO_UNITS: Mapping[Place, Edit] = MappingProxyType({})
SpectrumName = Literal["units", "tokens", "spectrogram"]


@lru_cache(maxsize=4)
def by_layer(selection: Selection) -> Mapping[int, tuple[int, ...]]:
    """Sort selected units by layer; both ascend."""
    found: dict[int, list[int]] = {}
    for layer, unit in sorted(selection):
        found.setdefault(layer, []).append(unit)
    return MappingProxyType({layer: tuple(units) for layer, units in found.items()})


@dataclass(frozen=True)
class Standing:
    """The edits as the server last told them; the viewer never assumes any."""

    edits: tuple[Edit, ...] = ()
    undoable: int = 0
    redoable: int = 0
    by: str = ""
    name: str = ""
    stale: bool = False  # whether keys and values of earlier tokens come from other edits
    units: Mapping[tuple[str, int, int], Edit] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def told(cls, message: Welcome | Edits) -> "Standing":
        """Take what the server said; `units` gives by site, layer and unit the edit that it obeys."""
        units = units_of(message.edits)
        if isinstance(message, Welcome):
            return cls(message.edits, name=message.edit_set, stale=message.stale_cache, units=units)
        return cls(
            edits=message.edits,
            undoable=message.undoable,
            redoable=message.redoable,
            by=message.by,
            name=message.name,
            stale=message.stale_cache,
            units=units,
        )

    def layers(self, site: str) -> dict[int, set[EditEffect]]:
        """Return the edited layers of a site, with what is done to units there."""
        return layers_of(self.edits, site)


def layers_of(edits: EditSet, site: str) -> dict[int, set[EditEffect]]:
    """Return the layers of a site that edits touch, with what is done to units there."""
    found: dict[int, set[EditEffect]] = {}
    for edit in edits:
        if edit.site == site:
            found.setdefault(edit.layer, set()).add(effect_of(edit))
    return found


@lru_cache(maxsize=8)
def _later(standing: EditSet, under: Under) -> EditSet:
    known = frozenset(under.sure)
    return tuple(edit for edit in standing if edit not in known)


@lru_cache(maxsize=8)
def _later_units(standing: EditSet, under: Under) -> Mapping[Place, Edit]:
    return units_of(_later(standing, under))


@dataclass(frozen=True)
class ViewState:
    """Everything a picture depends on, but for the scans themselves and the meters."""

    link: LinkStatus
    size: tuple[int, int]
    colour_map: ColourMapName
    log: bool
    clip: bool
    grid: bool
    amount: float
    amount_step: float
    read_only: bool = False  # chat and edits are left to others
    card: ModelCard | None = None
    searching: bool = False  # whether the server still looks for protected units
    session: str = ""
    site: str = ""
    layer: int = 0
    wanted_layer: int | None = None  # asked for before the model was known
    at: TokenRef | None = None
    under: Under = Under(UNKNOWN)  # noqa: RUF009 - what the shown token was computed under; the session keeps it
    paused: bool = False
    replaying: bool = False  # time runs on from `at` by itself
    known: TokenRef | None = None  # the newest token when time was held; later ones are news
    difference: bool = False
    limits: tuple[float, float] | None = None  # values at the ends of the colours; None chooses them
    selection: Selection = frozenset()
    lasso: tuple[At, ...] = ()  # the line being drawn around units, in the window's pixels
    protected_shown: bool = False
    camera: Camera | None = None  # None shows all cells
    reach: Reach = Reach()  # noqa: RUF009 - frozen: one value for all is safe
    view: ViewName = "grid"
    atlas: Atlas | None = None  # as loaded, whether it is of this model or not
    misfit: str = ""  # why the atlas cannot be of this model
    picked: int | None = None  # the cluster selected last
    focus: int = 0  # the group that the circle view shows where no lens was set by hand
    lens: DiscCamera | None = None
    flight: Flight | None = None
    settling: float = 1.0  # how far units have moved from index order to their place, 0 to 1
    edges: bool = False  # the strongest correlations as lines
    partners: Partners | None = None  # of the clusters' units, where they are known
    ranking: Ranking | None = None  # clusters by how much they fire in the shown turn
    spectrum: SpectrumName = "units"
    by_layout: bool = False  # units of a spectrum in the order of the Hebbian layout
    per_layer: bool = True  # in the view of all layers, each has a scale of its own
    fixed: bool = True  # the influence map goes from 0 to 1 standard deviation, whatever is in it
    measurements: Measurements = field(default_factory=Measurements)
    scroll: int = 0  # lines that compared replies are scrolled down
    gathered: Gathered = Gathered()  # noqa: RUF009
    job: Job | None = None  # clusters being built
    pointer: At | None = None
    standing: Standing = field(default_factory=Standing)
    rereading: bool = False  # all that was said is being read anew, under the edits that stand
    chat: str | None = None  # what is being typed; None while the box is closed
    draft: str = ""  # what was said and got no reply: it is in the chat box when that is opened next
    goto: str | None = None  # where to go, being typed; None while that box is closed
    help: bool = False
    help_page: int = 0  # of the keys, counted on past the last and around
    hint: bool = False  # the first keys to try, until one is pressed
    timings: bool = False  # frame times in the status bar
    recording: bool = False
    recorded: int = 0  # seconds of the film so far
    notice: str = ""
    warning: bool = False
    quit: bool = False

    @property
    def mode(self) -> str:
        """Return the key table that holds now: `help`, `chat`, `goto`, a view's own, or `view`."""
        if self.help:
            return "help"
        if self.chat is not None:
            return "chat"
        if self.goto is not None:
            return "goto"
        return self.view_mode

    @property
    def view_mode(self) -> ViewMode:
        """Return the key table of the view: its own, or `view` for the grid."""
        return OWN_KEYS.get(self.view, "view")

    @property
    def attended(self) -> bool:
        """Whether something was said yet that can be measured."""
        return self.at is not None

    @property
    def moving(self) -> bool:
        """Whether the picture changes with time alone, so that it has to be drawn again and again."""
        return self.flight is not None or self.replaying or self.settling < 1 or self.recording

    @property
    def apart(self) -> bool:
        """Whether the shown token was computed under other edits than stand now, or that is not certain."""
        return self.at is not None and self.under.edits != self.standing.edits

    @property
    def shown_edits(self) -> EditSet:
        """Return the edits that the shown token was computed under for certain; without one, what stands."""
        return self.standing.edits if self.at is None else self.under.sure

    @property
    def shown_units(self) -> Mapping[Place, Edit]:
        """Return the edit that each unit obeyed at the shown token."""
        return self.standing.units if self.at is None else self.under.units

    @property
    def later_edits(self) -> EditSet:
        """Return the edits that stand now, and that the shown token was not computed under for certain."""
        return _later(self.standing.edits, self.under) if self.apart else ()

    @property
    def later_units(self) -> Mapping[Place, Edit]:
        """Return the edit of each unit that those edits name."""
        return _later_units(self.standing.edits, self.under) if self.apart else NO_UNITS

    @property
    def clusters(self) -> Atlas | None:
        """Return the clusters, where they are of the connected model."""
        return self.atlas if self.card and not self.misfit else None

    def scaling(self, factor: float) -> EditSet:
        """Return the edits that multiply the selected units by a factor, one a layer."""
        return tuple(
            Edit(site=self.site, layer=layer, units=units, op="scale", value=factor)
            for layer, units in by_layer(self.selection).items()
        )

    @property
    def protected(self) -> Selection:
        """Return the protected units of the shown site, while they are to be shown."""
        if self.card is None or not self.protected_shown:
            return frozenset()
        return frozenset((one.layer, one.unit) for one in self.card.protected if one.site == self.site)

    @property
    def site_card(self) -> SiteCard | None:
        """Return the shown site's description."""
        sites = self.card.sites if self.card else ()
        return next((site for site in sites if site.name == self.site), None)

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
        link=LinkStatus(Link.CONNECTING, f"connecting to {address} …"),
        size=(options.width, options.height),
        colour_map=options.colour_map,
        log=options.log,
        clip=options.clip,
        grid=options.grid,
        amount=options.boost,
        amount_step=options.boost_step,
        site=site,
        wanted_layer=layer,
        atlas=atlas,
        read_only=read_only,
    )
