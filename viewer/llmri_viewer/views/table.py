"""What a view shows as a table: the numbers behind the picture, with what they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.state import ViewState, by_layer
from llmri_viewer.model.unit_selection import AllUnits, AtlasUnits, LayerUnits, UnitSelection
from llmri_viewer.views.picture import Picture

DOUBT = "?"
Column = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length, and facts that hold for every row."""

    columns: Mapping[str, Column]
    facts: Mapping[str, str | int | float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def with_facts(table: Table, state: ViewState, store: ScanStore) -> Table:
    """Return a table with what holds for every export: where the numbers are from, and under which edits."""
    return Table(table.columns, {**_facts(state, store), **table.facts})


def _facts(state: ViewState, store: ScanStore) -> dict[str, str | int | float]:
    """Return what holds for every export: where the numbers are from, and under which edits."""
    turn = store.turns.get(state.time.at.turn) if state.time.at else None
    token = turn.tokens.get(state.time.at.token) if turn and state.time.at else None
    return {
        "model": state.connection.card.name if state.connection.card else "",
        "session": state.connection.session,
        "view": state.pane.view,
        "site": state.pane.site,
        "turn": state.time.at.turn if state.time.at else -1,
        "token": state.time.at.token if state.time.at else -1,
        "text": token.text if token else "",
        "difference": state.look.difference,
        **edit_facts(state),
    }


def edit_facts(state: ViewState) -> dict[str, str | int | float]:
    """Return the edits that the shown token was computed under, and apart from them those that stand now.

    `edits` is null where they are not known, or not certain: then `edits_possible` has each set that it can
    have been. Nothing that is shown is of edits where no token is.
    """
    under = state.time.under if state.time.at is not None else None
    possible = [] if under is None or under.certain else [each.edits for each in under.revisions]
    return {
        "edits": encoded(state.editing.standing.edits if under is None else under.edits),
        "edits_possible": encoded(possible),
        "edits_stale": state.stale,
        "edits_now": encoded(state.editing.standing.edits),
    }


def units_table(state: ViewState, subject: UnitSelection | None, picture: Picture | None) -> Table | None:
    """Return shown units with the ends of their scale, None where none are shown."""
    if picture is None or subject is None:
        return None
    scale = picture.scale
    ends = encoded({"low": scale.low, "high": scale.high, "log": scale.log, "magnitude": scale.magnitude})
    return Table(units_columns(state, subject, picture.values), {"scale": ends})


def units_columns(state: ViewState, subject: UnitSelection, values: Rows) -> dict[str, Column]:
    """Return the columns of units: layer, unit, value, whether selected, the edit each obeyed, and obeys now.

    A `?` stands where it is not known whether a unit obeyed one, or which.
    """
    layer, unit = _places(subject)
    selected = np.zeros(len(subject), np.bool_)
    for each, units in by_layer(state.selection.units).items():
        selected[_among(layer, unit, each, units)] = True
    obeyed = _obeyed(layer, unit, state.shown_edits, state.pane.site)
    if state.time.at is not None:
        doubtful = state.time.under.possible
        if state.time.under.certain and state.time.under.edits is None:
            obeyed[:] = DOUBT
        for each in {place[1] for place in doubtful}:
            units_ = tuple(place[2] for place in doubtful if place[:2] == (state.pane.site, each))
            obeyed[_among(layer, unit, each, units_)] = DOUBT
    now = _obeyed(layer, unit, state.editing.standing.edits, state.pane.site)
    columns = {"layer": layer, "unit": unit, "value": values, "selected": selected}
    return {**columns, "edit": obeyed, "edit_now": now}


def _obeyed(layers: Column, units: Column, edits: tuple[Edit, ...], site: str) -> Column:
    """Return in words the edit that each unit obeys, empty for none."""
    said = [(edit, f"{edit.op} {edit.value:g}") for edit in edits if edit.site == site]
    found = np.zeros(len(units), f"U{max((len(words) for _, words in said), default=1)}")
    for edit, words in said:
        found[_among(layers, units, edit.layer, edit.units)] = words
    return found


def _among(layers: Column, units: Column, layer: int, chosen: tuple[int, ...]) -> Column:
    """Return where some units of one layer stand in columns of layers and units."""
    rows = np.flatnonzero(layers == layer)
    return rows[np.isin(units[rows], chosen)]


def _places(subject: UnitSelection) -> tuple[Column, Column]:
    """Return the layer and the unit of each index."""
    match subject:
        case LayerUnits():
            return np.full(len(subject), subject.layer), np.arange(len(subject))
        case AllUnits():
            return np.divmod(np.arange(len(subject)), subject.width)
        case AtlasUnits():
            units = subject.atlas.clustering.units
            return units.layer, units.index
        case _:
            layers, units_ = zip(*map(subject.place, range(len(subject))), strict=True)
            return np.asarray(layers), np.asarray(units_)


def encoded(value: object) -> str:
    """Return a value as JSON, as facts have it."""
    return msgspec.json.encode(value).decode()
