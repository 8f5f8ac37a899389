"""What the state is made of: groups of values that belong together, each frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from llmri_client.link_status import LinkStatus
from llmri_clustering.correlation import Partners
from llmri_look.colours.theme import ColourMapName
from llmri_look.view_names import ViewName
from llmri_protocol.messages import Edit, Edits, ModelCard, Welcome
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.gathered import Gathered, Job
from llmri_viewer.model.clusters.ranking import Ranking
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.history.under import UNKNOWN, Under, units_of
from llmri_viewer.model.layout.disc_camera import DiscCamera, Flight
from llmri_viewer.model.layout.geometry import Camera
from llmri_viewer.model.layout.reach import Reach

At = tuple[int, int]
Selection = frozenset[tuple[int, int]]
SpectrumName = Literal["units", "tokens", "spectrogram"]


@dataclass(frozen=True)
class WindowState:
    """The window and what hangs on it, in pixels of the layout."""

    size: At
    pointer: At | None = None
    quit: bool = False


@dataclass(frozen=True)
class ConnectionState:
    """The server at the other end, and what it said of itself."""

    link: LinkStatus
    read_only: bool = False  # chat and edits are left to others
    card: ModelCard | None = None
    searching: bool = False  # whether the server still looks for protected units
    session: str = ""


@dataclass(frozen=True)
class TimeState:
    """The shown token, and whether time is held there."""

    at: TokenRef | None = None
    under: Under = Under(UNKNOWN)  # noqa: RUF009 - what it was computed under; the application keeps it
    paused: bool = False
    replaying: bool = False  # time runs on from `at` by itself
    known: TokenRef | None = None  # the newest token when time was held; later ones are news


@dataclass(frozen=True)
class PaneState:
    """What of the model is shown, by which view, and how much of that is in sight."""

    view: ViewName = "grid"
    site: str = ""
    layer: int = 0
    wanted_layer: int | None = None  # asked for before the model was known
    camera: Camera | None = None  # None shows all cells
    reach: Reach = Reach()  # noqa: RUF009 - frozen: one value for all is safe
    focus: int = 0  # the group that the circle view shows where no camera was set by hand
    disc_camera: DiscCamera | None = None
    flight: Flight | None = None
    settling: float = 1.0  # how far units have moved from index order to their place, 0 to 1
    scroll: int = 0  # lines that compared replies are scrolled down


@dataclass(frozen=True)
class LookState:
    """How values are made visible: colours and their scale, and what is drawn beside them."""

    colour_map: ColourMapName
    log: bool
    clip: bool
    grid: bool
    difference: bool = False
    limits: tuple[float, float] | None = None  # values at the ends of the colours; None chooses them
    per_layer: bool = True  # in the view of all layers, each has a scale of its own
    fixed: bool = True  # the influence map goes from 0 to 1 standard deviation, whatever is in it
    spectrum: SpectrumName = "units"
    by_layout: bool = False  # units of a spectrum in the order of the Hebbian layout
    edges: bool = False  # the strongest correlations as lines
    protected_shown: bool = False


@dataclass(frozen=True)
class SelectionState:
    """The selected units by layer and number, and how they were chosen."""

    units: Selection = frozenset()
    lasso: tuple[At, ...] = ()  # the line being drawn around units, in the window's pixels
    picked: int | None = None  # the cluster selected last


@dataclass(frozen=True)
class ClusterState:
    """The clusters there are, what is known of them, and how far new ones have come."""

    loaded: Atlas | None = None  # whether it is of this model or not
    misfit: str = ""  # why it cannot be of this model
    partners: Partners | None = None  # of the clusters' units, where they are known
    ranking: Ranking | None = None  # clusters by how much they fire in the shown turn
    gathered: Gathered = Gathered()  # noqa: RUF009
    job: Job | None = None  # clusters being built


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
    def of(cls, message: Welcome | Edits) -> "Standing":
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


@dataclass(frozen=True)
class EditState:
    """The edits that stand, and how the next ones are made."""

    amount: float
    amount_step: float
    standing: Standing = field(default_factory=Standing)
    rereading: bool = False  # all that was said is being read anew, under the edits that stand


@dataclass(frozen=True)
class TypingState:
    """What a person types."""

    chat: str | None = None  # None while the box is closed
    draft: str = ""  # what was said and got no reply: it is in the chat box when that is opened next
    goto: str | None = None  # where to go; None while that box is closed


@dataclass(frozen=True)
class OverlayState:
    """What lies over the window for a while, and what is told in it."""

    help: bool = False
    help_page: int = 0  # of the keys, counted on past the last and around
    hint: bool = False  # the first keys to try, until one is pressed
    timings: bool = False  # frame times in the status bar
    recording: bool = False
    recorded: int = 0  # seconds of the film so far
    notice: str = ""
    warning: bool = False
