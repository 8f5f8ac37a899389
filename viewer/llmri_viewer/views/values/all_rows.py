"""The activations of every layer at a token, and the scale of each, over the turn."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from llmri_look.colours.colour import Scale, percentiles, window
from llmri_look.colours.theme import ColourMapName
from llmri_viewer.model.history.store import Rows, ScanStore, TokenRef
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import AllUnits, Scans, difference

SAMPLED = 131072  # values of a turn, for percentiles
PERCENT = (1.0, 99.0)
Ends = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AllRows:
    """What all layers show.

    Attributes:
        rows: Values at the token, `[layers, width]`; NaN for a layer that the scan lacks.
        scales: How each layer is coloured: one scale for all, or each its own.
        blank: Layers that the scan lacks.
    """

    rows: Rows
    scales: tuple[Scale, ...]
    blank: frozenset[int]


@dataclass(frozen=True)
class RowsRequest:
    """What is asked for: a token's values or their change, and how they are brought on a scale."""

    subject: AllUnits
    site: str
    difference: bool
    per_layer: bool
    colour_map: ColourMapName
    log: bool
    clip: bool
    limits: tuple[float, float] | None


def all_rows(state: ViewState, store: ScanStore) -> AllRows | None:
    """Return every layer at the shown token; None where there is nothing to show."""
    card, look = state.connection.card, state.look
    if card is None or state.time.at is None or not state.width:
        return None
    request = RowsRequest(
        AllUnits(card.layers, state.width), state.pane.site, look.difference, look.per_layer,
        look.colour_map, look.log, look.clip, look.limits,
    )  # fmt: skip
    return _all_rows(request, store, store.revision, state.time.at)


@lru_cache(maxsize=4)
def _all_rows(request: RowsRequest, store: ScanStore, _revision: int, at: TokenRef) -> AllRows | None:
    sheet = store.scan(at, request.site)
    if sheet is None:
        return None
    rows = request.subject.rows(sheet)
    if request.difference:
        before = store.step(at, request.site, -1)
        earlier = store.scan(before, request.site) if before and before.turn == at.turn else None
        if earlier is None:
            return None
        rows = difference(rows, request.subject.rows(earlier))
    ends = _ends(request, store, at.turn)
    if request.difference and not request.clip:  # the sample may have missed the largest change of this token
        ends = np.stack(
            [np.fmin(ends[:, 0], rows.min(axis=1)), np.fmax(ends[:, 1], rows.max(axis=1))], axis=1
        )
    blank = frozenset(request.subject.layers) - frozenset(sheet.layers)
    return AllRows(rows, _scales(request, ends), blank)


def _scales(request: RowsRequest, ends: Ends) -> tuple[Scale, ...]:
    """Return each layer's scale, from the lowest and the highest value to be told apart."""
    if request.limits is not None:
        return (Scale(*request.limits, request.log, request.colour_map == "energy"),) * len(ends)
    if request.per_layer:
        return tuple(window(pair, request.colour_map, log=request.log, clip=False) for pair in ends)
    return (window(ends, request.colour_map, log=request.log, clip=False),) * len(ends)


def _ends(request: RowsRequest, store: ScanStore, turn: int) -> Ends:
    """Return the lowest and highest value of each layer in the turn, or its percentiles, `[layers, 2]`.

    Where there is one scale for all layers, the percentiles are those of all together.
    """
    if not request.clip and not request.difference:
        known = store.turns[turn].extremes
        nothing = (np.nan, np.nan)
        return np.asarray([known.get((request.site, layer), nothing) for layer in request.subject.layers])
    return _ends_of(request, Scans(store.spread(turn, request.site)))


@lru_cache(maxsize=4)
def _ends_of(request: RowsRequest, spread: Scans) -> Ends:
    """Return the ends that stand for a turn, from scans spread over it."""
    values = _sampled(request, spread)
    if not values.size:
        return np.full((request.subject.count, 2), np.nan)
    if request.colour_map == "energy":
        values = np.abs(values)
    if not request.per_layer:
        values = np.broadcast_to(values.ravel(), (1, values.size))
    percent = PERCENT if request.clip else (0.0, 100.0)
    known_values = np.isfinite(values).all(axis=1)
    ends = np.full((len(values), 2), np.nan)
    if known_values.any():
        ends[known_values] = percentiles(values[known_values], percent, axis=1).T
    if not known_values.all():
        ends[~known_values] = [_percentiles(row, percent) for row in values[~known_values]]
    return np.broadcast_to(ends, (request.subject.count, 2))


def _percentiles(row: Rows, percent: tuple[float, float]) -> tuple[float, float]:
    finite = row[np.isfinite(row)]
    low, high = percentiles(finite, percent) if finite.size else (np.nan, np.nan)
    return float(low), float(high)


def _sampled(request: RowsRequest, spread: Scans) -> Rows:
    """Return values spread over a turn's tokens and each layer's units, `[layers, values]`."""
    sheets = [request.subject.rows(sheet) for sheet in spread.sheets]
    step = max(1, -(-len(sheets) * len(request.subject) // SAMPLED))
    if request.difference:
        pairs = pairwise(sheets)
        thinned = [
            difference(late[:, start::step], early[:, start::step])
            for number, (early, late) in enumerate(pairs)
            for start in (number % step,)
        ]
    else:
        thinned = [rows[:, number % step :: step] for number, rows in enumerate(sheets)]
    return np.concatenate(thinned, axis=1) if thinned else np.empty((request.subject.count, 0), np.float32)
