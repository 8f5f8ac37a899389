"""What the influence map shows: what ablating units does or, not measured, what fires with them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Influence, MeasureInfluence
from llmri_viewer.colours import colour
from llmri_viewer.colours.colour import Scale
from llmri_viewer.history.store import Moment, Rows, ScanStore, Sheet
from llmri_viewer.measured.coactivation import coactivation
from llmri_viewer.measured.measuring import Asked
from llmri_viewer.options import ColourMapName
from llmri_viewer.shown.subject import AllUnits
from llmri_viewer.state import Selection, ViewState

VALUES = 4_000_000  # that a correlation takes at most
TOKENS_LEAST, TOKENS_MOST = 8, 64
CLIP = 99.5  # per cent: a few units far above the others would leave all others dark
SEQUENTIAL: ColourMapName = "magma"
DIVERGING: ColourMapName = "blue-amber"


@dataclass(frozen=True, eq=False)
class InfluenceMap:
    """A value for every unit of every layer.

    Attributes:
        rows: `[layers, width]`; NaN for layers before the first that was ablated.
        causal: Whether it was measured by ablating; else the values are correlations.
        tokens: Over how many tokens.
        norms: Of each layer, `[layers]`: root mean square over its units, NaN as in `rows`.
        ablated: The units that were ablated, or that the others are correlated with.
        scale: From values to colours.
        colour_map: Which colours.
    """

    rows: Rows
    causal: bool
    tokens: int
    norms: npt.NDArray[np.float64]
    ablated: Selection
    scale: Scale
    colour_map: ColourMapName


def influence_map(state: ViewState, store: ScanStore) -> InfluenceMap | None:
    """Give what is shown; None where nothing is selected or said."""
    if state.card is None or not state.width:
        return None
    subject = AllUnits(state.card.layers, state.width)
    found = measured(state)
    if found is not None:
        return _causal(_Once(found[1]), subject, ablated_in(found[0]), _suited(state, SEQUENTIAL), state.log)
    if not state.selection or state.at is None:
        return None
    tokens = _spread(store, state.at.turn, state.site, len(subject))
    episode = _Episode(store, state.at.turn, state.site, tokens)
    return _together(episode, subject, state.selection, _suited(state, DIVERGING), state.log)


def measured(state: ViewState) -> tuple[Asked, Influence] | None:
    """Give the last influence that was measured at the shown site."""
    found = state.measurements.answer(Influence)
    fits = found is not None and found[1].site == state.site and found[1].shape[1] == state.width
    return found if fits else None


def ablated_in(asked: Asked) -> Selection:
    """Give the units that a request ablates."""
    edits = asked.request.edits if isinstance(asked.request, MeasureInfluence) else ()
    return frozenset((edit.layer, unit) for edit in edits for unit in edit.units)


def is_measured(state: ViewState) -> bool:
    """Tell whether the influence of the present selection was measured, up to the shown token."""
    found = measured(state)
    return found is not None and ablated_in(found[0]) == state.selection and found[0].at == state.at


def _suited(state: ViewState, otherwise: ColourMapName) -> ColourMapName:
    """Give the person's colour map where it is of the same sort, else the one that suits."""
    same = (state.colour_map in colour.DIVERGING) == (otherwise in colour.DIVERGING)
    return state.colour_map if same else otherwise


class _Once:
    """An answer compared by identity, so that what was made of it can be kept."""

    def __init__(self, answer: Influence) -> None:
        self.answer = answer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once) and other.answer is self.answer

    def __hash__(self) -> int:
        return id(self.answer)


@lru_cache(maxsize=4)
def _causal(
    once: _Once, subject: AllUnits, ablated: Selection, colour_map: ColourMapName, log: bool
) -> InfluenceMap:
    answer = once.answer
    rows = np.full((subject.count, subject.width), np.nan, np.float32)
    for layer, row in zip(answer.layers, array_of(answer), strict=True):
        if layer < subject.count:
            rows[layer] = row
    known = rows[np.isfinite(rows)]
    high = float(np.percentile(known, CLIP)) if known.size else 1.0
    high = high if high > 0 else float(known.max(initial=0.0)) or 1.0
    scale = Scale(0.0, high, log)
    return InfluenceMap(rows, True, answer.positions, _norms(rows), ablated, scale, colour_map)


@dataclass(frozen=True)
class _Episode:
    """Some tokens of a turn at a site."""

    store: ScanStore
    turn: int
    site: str
    tokens: tuple[int, ...]

    def sheets(self) -> list[Sheet]:
        """Give their scans, as far as they are kept."""
        found = (self.store.sheet(Moment(self.turn, token), self.site) for token in self.tokens)
        return [sheet for sheet in found if sheet is not None]


@lru_cache(maxsize=2)
def _together(
    episode: _Episode, subject: AllUnits, selection: Selection, colour_map: ColourMapName, log: bool
) -> InfluenceMap | None:
    sheets = episode.sheets()
    if not sheets:
        return None
    values = np.nan_to_num(np.stack([subject.rows(sheet) for sheet in sheets]))
    chosen = [place for place in sorted(selection) if subject.index(place) is not None]
    rows = coactivation(values, chosen)
    if rows is None:
        return None
    return InfluenceMap(rows, False, len(sheets), _norms(rows), selection, Scale(-1.0, 1.0, log), colour_map)


def _spread(store: ScanStore, turn: int, site: str, units: int) -> tuple[int, ...]:
    """Give tokens spread evenly over a turn, fewer where there are many units."""
    tokens = store.moments(turn, site)
    most = min(TOKENS_MOST, max(TOKENS_LEAST, VALUES // max(1, units)))
    return tuple(tokens[:: max(1, -(-len(tokens) // most))])


def _norms(rows: Rows) -> npt.NDArray[np.float64]:
    norms: npt.NDArray[np.float64] = np.sqrt(np.square(rows, dtype=np.float64).mean(axis=1))
    return norms
