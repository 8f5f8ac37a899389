"""What a view shows: its units' values and the scale that colours them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from llmri_look.colours import colour
from llmri_look.colours.colour import Bytes, Scale, window
from llmri_look.colours.theme import ColourMapName
from llmri_viewer.model.history.store import Rows, ScanRows, ScanStore, TokenRef
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import Scans, UnitSelection, difference, sampled

Words = tuple[str, str]  # a headline and a sentence


@dataclass(frozen=True, eq=False)
class Picture:
    """Values of the shown units, `[units]`, and their scale."""

    values: Rows
    scale: Scale

    @cached_property
    def levels(self) -> Bytes:
        """The level of each unit in the colours, `[units]`; see `colour.levels`."""
        return colour.levels(self.values, self.scale)


@dataclass(frozen=True)
class Look:
    """How values become colours, as the state says."""

    colour_map: ColourMapName
    log: bool
    clip: bool
    difference: bool
    limits: tuple[float, float] | None

    def scale(self, values: Rows) -> Scale:
        """Return the scale that suits some values, or the one set by hand."""
        if self.limits is not None:
            return Scale(*self.limits, self.log, self.colour_map == "energy")
        return window(values, self.colour_map, log=self.log, clip=self.clip)


def picture_of_units(subject: UnitSelection | None, state: ViewState, store: ScanStore) -> Picture | None:
    """Return some units at the shown token, None where there is nothing to show.

    The scale holds for the whole turn so far, so that tokens can be compared. What depends on the same scans
    is worked out once.
    """
    sheet = store.scan(state.time.at, state.pane.site)
    if subject is None or sheet is None or state.time.at is None:
        return None
    look = Look(
        state.look.colour_map, state.look.log, state.look.clip, state.look.difference, state.look.limits
    )
    spread = Scans(store.spread(state.time.at.turn, state.pane.site) if look.clip or look.difference else ())
    if look.difference:
        earlier = _before(state.time.at, state, store)
        return _change(subject, Scans((earlier, sheet)), spread, look) if earlier else None
    ends = () if look.clip else _ends(store, state.time.at, state.pane.site, subject)
    return _shown(subject, Scans((sheet,)), _scale(subject, spread, ends, look))


def _before(at: TokenRef, state: ViewState, store: ScanStore) -> ScanRows | None:
    """Return the scan before one, of the same turn."""
    moment = store.step(at, state.pane.site, -1)
    return store.scan(moment, state.pane.site) if moment and moment.turn == at.turn else None


def _ends(store: ScanStore, at: TokenRef, site: str, subject: UnitSelection) -> tuple[float, ...]:
    """Return the least and the greatest value of the turn, in the layers of the subject."""
    known = store.turns[at.turn].extremes
    ends = [known[site, layer] for layer in subject.layers if (site, layer) in known]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else ()


@lru_cache(maxsize=16)
def _scale(subject: UnitSelection, spread: Scans, ends: tuple[float, ...], look: Look) -> Scale:
    """Return the scale for a turn, from its extremes, or from scans spread over it for percentiles."""
    stand_ins = sampled(subject, spread.sheets).ravel() if look.clip else np.asarray(ends, np.float32)
    return look.scale(stand_ins)


@lru_cache(maxsize=4)
def _shown(subject: UnitSelection, scan: Scans, scale: Scale) -> Picture | None:
    values = subject.read(scan.sheets[0])
    return Picture(values, scale) if values is not None and len(values) == len(subject) else None


@lru_cache(maxsize=4)
def _change(subject: UnitSelection, pair: Scans, spread: Scans, look: Look) -> Picture | None:
    """Return the change between two scans; the scale is of the turn's changes, and of this one."""
    earlier, values = (subject.read(sheet) for sheet in pair.sheets)
    if earlier is None or values is None or not len(earlier) == len(values) == len(subject):
        return None
    change = difference(values, earlier)
    seen = sampled(subject, spread.sheets)
    changes = difference(seen[1:], seen[:-1])
    return Picture(change, look.scale(np.concatenate([change, changes.ravel()])))


def scale_in_words(state: ViewState, whose: str) -> str:
    """Return the colour scale in words; `whose` names the values that it spans."""
    kind = "log" if state.look.log else "linear"
    what = "|value|" if state.look.colour_map == "energy" else "value"
    if state.look.difference:
        what = f"change of {what} from the previous token"
    if state.look.limits is not None:
        return f"{what}, {kind}, window set by hand"
    span = "1st to 99th percentile" if state.look.clip else "full range"
    return f"{what}, {kind}, {span} of {whose} in this turn"
