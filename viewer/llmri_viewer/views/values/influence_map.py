"""What the influence map shows: what ablating units does or, not measured, what fires with them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from llmri_look.colours import colour
from llmri_look.colours.colour import Scale
from llmri_look.colours.theme import ColourMapName
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Influence, MeasureInfluence
from llmri_viewer.model.history.store import Rows, ScanRows, ScanStore, TokenRef
from llmri_viewer.model.measured.coactivation import coactivation
from llmri_viewer.model.measured.measuring import Asked
from llmri_viewer.model.state import ViewState, by_layer
from llmri_viewer.model.state_groups import Selection
from llmri_viewer.model.unit_selection import AllUnits

VALUES = 4_000_000  # that a correlation takes at most
TOKENS_LEAST, TOKENS_MOST = 8, 64
CLIP = 99.5  # per cent: a few units far above the others would leave all others dark
FULL = 1.0  # standard deviations at the end of the fixed scale, so that maps can be compared
FLOOR, KL_FLOOR = 0.01, 1e-6  # standard deviations, and nats: below both nothing measurable was caused
SEQUENTIAL: ColourMapName = "magma"
DIVERGING: ColourMapName = "blue-amber"


@dataclass(frozen=True, eq=False)
class InfluenceMap:
    """A value for every unit of every layer.

    Attributes:
        rows: `[layers, width]`; NaN for layers before the first that was ablated.
        caused: The same without the units that were ablated: theirs is no effect of it.
        causal: Whether it was measured by ablating; else the values are correlations.
        tokens: Over how many tokens.
        norms: Of each layer, `[layers]`: root mean square over the units of `caused`; NaN without any.
        full: The norm that the longest bar has.
        kl: Of the next token, in nats; None where nothing was measured.
        ablated: The units that were ablated, or that the others are correlated with.
        scale: From values to colours.
        colour_map: Which colours.
    """

    rows: Rows
    caused: Rows
    causal: bool
    tokens: int
    norms: npt.NDArray[np.float64]
    full: float
    kl: float | None
    ablated: Selection
    scale: Scale
    colour_map: ColourMapName

    @cached_property
    def moved(self) -> bool:
        """Whether any unit but the ablated ones changed by as much as can be measured."""
        return bool((np.nan_to_num(self.caused) >= FLOOR).any())

    @property
    def nothing(self) -> bool:
        """Whether nothing measurable was caused: in no unit, and not in the next token."""
        return self.kl is not None and not self.moved and abs(self.kl) < KL_FLOOR


def influence_map(state: ViewState, store: ScanStore) -> InfluenceMap | None:
    """Return what is shown; None where nothing is selected or said."""
    if state.connection.card is None or not state.width:
        return None
    subject = AllUnits(state.connection.card.layers, state.width)
    found = measured(state)
    if found is not None:
        answer, colours = _Once(found[1]), _suited(state, SEQUENTIAL)
        return _causal(
            answer, subject, ablated_in(found[0]), colours, log=state.look.log, fixed=state.look.fixed
        )
    if not state.selection.units or state.time.at is None:
        return None
    tokens = _spread(store, state.time.at.turn, state.pane.site, len(subject))
    episode = _Episode(store, state.time.at.turn, state.pane.site, tokens)
    return _together(episode, subject, state.selection.units, _suited(state, DIVERGING), state.look.log)


def measured(state: ViewState) -> tuple[Asked, Influence] | None:
    """Return the last influence that was measured at the shown site."""
    found = state.measurements.answer(Influence)
    fits = found is not None and found[1].site == state.pane.site and found[1].shape[1] == state.width
    return found if fits else None


def ablated_in(asked: Asked) -> Selection:
    """Return the units that a request ablates."""
    edits = asked.request.edits if isinstance(asked.request, MeasureInfluence) else ()
    return frozenset((edit.layer, unit) for edit in edits for unit in edit.units)


def is_measured(state: ViewState) -> bool:
    """Tell whether the influence of the present selection was measured, up to the shown token."""
    found = measured(state)
    return (
        found is not None and ablated_in(found[0]) == state.selection.units and found[0].at == state.time.at
    )


def _suited(state: ViewState, otherwise: ColourMapName) -> ColourMapName:
    """Return the person's colour map where it is of the same sort, else the one that suits."""
    same = (state.look.colour_map in colour.DIVERGING) == (otherwise in colour.DIVERGING)
    return state.look.colour_map if same else otherwise


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
    once: _Once, subject: AllUnits, ablated: Selection, colour_map: ColourMapName, *, log: bool, fixed: bool
) -> InfluenceMap:
    """What was measured; fixed, the scale goes from 0 to 1, else as far as most units, or the floor."""
    answer = once.answer
    rows = np.full((subject.count, subject.width), np.nan, np.float32)
    for layer, row in zip(answer.layers, array_of(answer), strict=True):
        if layer < subject.count:
            rows[layer] = row
    caused = _without(rows, ablated)
    known, norms = caused[np.isfinite(caused)], _norms(caused)
    high, full = FULL, FULL
    if not fixed:
        high = max(FLOOR, float(np.percentile(known.astype(np.float64), CLIP)) if known.size else FULL)
        full = max(FLOOR, float(norms[np.isfinite(norms)].max(initial=0.0)))
    scale, over = Scale(0.0, high, log), answer.positions
    return InfluenceMap(rows, caused, True, over, norms, full, answer.kl, ablated, scale, colour_map)


@dataclass(frozen=True)
class _Episode:
    """Some tokens of a turn at a site."""

    store: ScanStore
    turn: int
    site: str
    tokens: tuple[int, ...]

    def sheets(self) -> list[ScanRows]:
        """Return their scans, as far as they are kept."""
        found = (self.store.scan(TokenRef(self.turn, token), self.site) for token in self.tokens)
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
    caused, scale = _without(rows, selection), Scale(-1.0, 1.0, log)
    norms = _norms(caused)
    return InfluenceMap(rows, caused, False, len(sheets), norms, FULL, None, selection, scale, colour_map)


def _spread(store: ScanStore, turn: int, site: str, units: int) -> tuple[int, ...]:
    """Return tokens spread evenly over a turn, fewer where there are many units."""
    tokens = store.moments(turn, site)
    most = min(TOKENS_MOST, max(TOKENS_LEAST, VALUES // max(1, units)))
    return tuple(tokens[:: max(1, -(-len(tokens) // most))])


def _without(rows: Rows, ablated: Selection) -> Rows:
    """Return the rows with NaN for the units that were ablated."""
    caused = rows.copy()
    for layer, units in by_layer(ablated).items():
        if layer < len(caused):
            caused[layer, [unit for unit in units if unit < caused.shape[1]]] = np.nan
    return caused


def _norms(rows: Rows) -> npt.NDArray[np.float64]:
    """Return the root mean square of what is finite in each row; NaN for a row without."""
    known = np.isfinite(rows)
    squares = np.square(np.where(known, rows, 0), dtype=np.float64).sum(axis=1)
    counts = known.sum(axis=1)
    means: npt.NDArray[np.float64] = np.divide(
        squares, counts, out=np.full(len(rows), np.nan), where=counts > 0
    )
    return np.sqrt(means)
