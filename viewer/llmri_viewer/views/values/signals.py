"""What a spectrum is taken of: activations along units, or along the tokens of a turn."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.store import Rows, ScanRows, ScanStore, TokenRef
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import Selection
from llmri_viewer.model.unit_selection import LayerUnits, values_at

TOKENS_MOST = 1024  # the last of a longer turn
VALUES_MOST = 65536  # of a layer over a turn; units are spread evenly where there are more
SERIES_LEAST = 16  # units that stand for a layer, however long the turn
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Signal:
    """Numbers at equal distances.

    Attributes:
        along: What the distances are of.
        places: The unit or token at each step, `[steps]`.
        values: Activations, `[steps, series]`: one series over units, one a unit over tokens.
        units: The layer and unit of each series over tokens.
        missing: Tokens without a scan, whose values lie on a line between their neighbours'.
        of: How many units there are of which these series are.
    """

    along: Literal["unit", "token"]
    places: Ints
    values: Rows
    units: tuple[tuple[int, int], ...] = ()
    missing: int = 0
    of: int = 0


@lru_cache(maxsize=8)
def order(atlas: Atlas, layer: int) -> Ints:
    """Return a layer's units as one walks through the Hebbian layout, `[units]`.

    Row after row, every other one backwards, so that each unit's cell is beside that of the one before.
    """
    units, placement = atlas.clustering.units, atlas.clustering.placement
    here = np.flatnonzero(units.layer == layer)
    row, column = placement.cells[here].T.astype(np.intp)
    across = np.where(row % 2 == 0, column, placement.shape[1] - 1 - column)
    return np.asarray(units.index[here][np.lexsort((across, row))], np.intp)


def unit_order(state: ViewState) -> Ints:
    """Return the units of the shown layer in the order that is asked for, `[units]`."""
    if state.look.by_layout and state.atlas is not None and not why_no_order(state):
        return order(state.atlas, state.pane.layer)
    return np.arange(state.width)


def why_no_order(state: ViewState) -> str:
    """Say why there is no Hebbian order of the shown layer; empty where there is one."""
    atlas = state.atlas
    if atlas is None:
        return state.clusters.misfit or "there are no clusters yet, and so no Hebbian order: O builds them"
    if atlas.site != state.pane.site:
        return f"the clusters are of {atlas.site}; {state.pane.site} has index order only"
    if state.pane.layer not in atlas.layers:
        return f"layer {state.pane.layer} is not in the clusters; it has index order only"
    return ""


@dataclass(frozen=True)
class Layer:
    """A layer's units at a token, in the order of a clustering's layout or their own."""

    site: str
    at: TokenRef
    units: LayerUnits
    atlas: Atlas | None
    change: bool


@dataclass(frozen=True)
class Course:
    """How some units, or those of a layer, go over a turn."""

    site: str
    turn: int
    chosen: Selection | int
    width: int
    change: bool


def over_units(state: ViewState, store: ScanStore) -> Signal | None:
    """The shown layer's activations at the shown token along its units; None where there is no scan."""
    if state.time.at is None or not state.width:
        return None
    atlas = state.atlas if state.look.by_layout and not why_no_order(state) else None
    units = LayerUnits(state.pane.layer, state.width)
    return along_units(
        Layer(state.pane.site, state.time.at, units, atlas, state.look.difference), store, store.revision
    )


def over_tokens(state: ViewState, store: ScanStore) -> Signal | None:
    """Return the selected units, or else the shown layer's, along the turn; None without two scans."""
    if state.time.at is None or not state.width:
        return None
    chosen = state.selection.units or state.pane.layer
    course = Course(state.pane.site, state.time.at.turn, chosen, state.width, state.look.difference)
    return along_turn(course, store, store.revision)


@lru_cache(maxsize=2)
def along_units(asked: Layer, store: ScanStore, _revision: int, /) -> Signal | None:
    """Return a layer's values, or their change from the token before, in order."""
    values = values_at(asked.units, store, asked.at, asked.site)
    if asked.change:
        before = store.step(asked.at, asked.site, -1)
        near = before if before and before.turn == asked.at.turn else None
        earlier = values_at(asked.units, store, near, asked.site)
        values = None if values is None or earlier is None else values - earlier
    if values is None:
        return None
    places = order(asked.atlas, asked.units.layer) if asked.atlas else np.arange(asked.units.width)
    places = places[places < values.size]
    return Signal("unit", places, values[places][:, None], of=asked.units.width)


@lru_cache(maxsize=2)
def along_turn(asked: Course, store: ScanStore, _revision: int, /) -> Signal | None:
    """The units' values, or their change from token to token; units are spread where there are many."""
    tokens = store.moments(asked.turn, asked.site)[-TOKENS_MOST:]
    most = max(SERIES_LEAST, VALUES_MOST // max(1, len(tokens)))
    whole = _places(asked)
    units = whole[:: -(-len(whole) // most)]
    read = _reader(asked.chosen, units)
    found = ((token, store.scan(TokenRef(asked.turn, token), asked.site)) for token in tokens)
    rows = {token: row for token, sheet in found if sheet and (row := read(sheet)) is not None}
    if len(rows) < 2:  # noqa: PLR2004 - two make a line
        return None
    places, values = _bridged(np.asarray(list(rows)), np.stack(list(rows.values())))
    missing = len(places) - len(rows)
    if asked.change:
        places, values = places[1:], np.diff(values, axis=0)
    return Signal("token", places, values, tuple(units), missing, len(whole))


def _places(asked: Course) -> list[tuple[int, int]]:
    if isinstance(asked.chosen, int):
        return [(asked.chosen, unit) for unit in range(asked.width)]
    return sorted(asked.chosen)


def _bridged(at: Ints, values: Rows) -> tuple[Ints, Rows]:
    """Bring tokens to equal distances: those without a scan get values between their neighbours'."""
    places = np.arange(at[0], at[-1] + 1, int(np.gcd.reduce(np.diff(at))))
    if len(places) == len(at):
        return places, values
    bridged = np.stack([np.interp(places, at, series) for series in values.T], axis=1)
    return places, bridged.astype(np.float32)


def _reader(chosen: Selection | int, units: list[tuple[int, int]]) -> Callable[[ScanRows], Rows | None]:
    """Return what reads some units' values from a scan, `[units]`; None where it lacks a layer of theirs."""
    layers, numbers = np.asarray(units).T
    if isinstance(chosen, int):  # evenly spread over one layer
        step = int(numbers[1] - numbers[0]) if len(numbers) > 1 else 1
        return lambda sheet: None if (row := sheet.row(chosen)) is None else row[::step][: len(numbers)]

    def read(sheet: ScanRows) -> Rows | None:
        row_of = {layer: row for row, layer in enumerate(sheet.layers)}
        rows = [row_of.get(layer, -1) for layer in layers.tolist()]
        return None if -1 in rows or numbers.max() >= sheet.rows.shape[1] else sheet.rows[rows, numbers]

    return read
