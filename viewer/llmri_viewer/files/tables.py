"""What is shown as a table: the numbers behind the picture, with what they belong to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Candidate, Comparison, Edit, LogitLens
from llmri_viewer import views
from llmri_viewer.model import footing
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.state import ViewName, ViewState, by_layer
from llmri_viewer.model.unit_selection import AllUnits, AtlasUnits, LayerUnits, Subject
from llmri_viewer.views.asking import is_of_now
from llmri_viewer.views.lattice import hebbian
from llmri_viewer.views.picture import picture_of
from llmri_viewer.views.values.all_rows import all_rows
from llmri_viewer.views.values.influence_map import influence_map, measured
from llmri_viewer.views.values.signals import over_tokens, over_units
from llmri_viewer.views.values.spectra import curve, moving

DOUBT = "?"
Column = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length, and facts that hold for every row."""

    columns: Mapping[str, Column]
    facts: Mapping[str, str | int | float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def table_of(state: ViewState, store: ScanStore) -> Table | None:
    """Give what the shown view shows; None where it shows no numbers.

    A view may bring a table of its own, by a method `table(state, store)`.
    """
    own: Callable[[ViewState, ScanStore], Table | None] | None = getattr(views.of(state), "table", None)
    found = own(state, store) if own is not None else TABLES[state.view](state, store)
    if found is None or not len(found):
        return None
    return Table(found.columns, {**_facts(state, store), **found.facts})


def _facts(state: ViewState, store: ScanStore) -> dict[str, str | int | float]:
    """Give what holds for every export: where the numbers are from, and under which edits."""
    turn = store.turns.get(state.at.turn) if state.at else None
    token = turn.tokens.get(state.at.token) if turn and state.at else None
    return {
        "model": state.card.name if state.card else "",
        "session": state.session,
        "view": state.view,
        "site": state.site,
        "turn": state.at.turn if state.at else -1,
        "token": state.at.token if state.at else -1,
        "text": token.text if token else "",
        "difference": state.difference,
        **edit_facts(state),
    }


def edit_facts(state: ViewState) -> dict[str, str | int | float]:
    """Give the edits that the shown token was computed under, and apart from them those that stand now.

    `edits` is null where they are not known, or not certain: then `edits_possible` has each set that it can
    have been. Nothing that is shown is of edits where no token is.
    """
    under = state.under if state.at is not None else None
    possible = [] if under is None or under.certain else [each.edits for each in under.revisions]
    return {
        "edits": _encoded(state.standing.edits if under is None else under.edits),
        "edits_possible": _encoded(possible),
        "edits_stale": footing.stale(state),
        "edits_now": _encoded(state.standing.edits),
    }


def _shown_units(state: ViewState, store: ScanStore) -> Table | None:
    """Give the units of the grid, the layout or the circles, with their place in the picture."""
    picture, subject = picture_of(state, store), views.of(state).subject(state)
    if picture is None or subject is None:
        return None
    scale = picture.scale
    facts: dict[str, str | int | float] = {
        "scale": _json(low=scale.low, high=scale.high, log=scale.log, magnitude=scale.magnitude)
    }
    columns = units_columns(state, subject, picture.values)
    if isinstance(subject, AtlasUnits):
        columns["cluster"] = subject.atlas.clustering.labels
        if state.view == "hebbian":
            lattice = hebbian(subject.atlas)
            columns["row"], columns["column"] = np.divmod(lattice.cells, lattice.grid.columns)
        else:
            columns["x"], columns["y"], columns["radius"] = subject.atlas.packing.units.T
    return Table(columns, facts)


def units_columns(state: ViewState, subject: Subject, values: Rows) -> dict[str, Column]:
    """Give the columns of units: layer, unit, value, whether selected, the edit each obeyed, and obeys now.

    A `?` stands where it is not known whether a unit obeyed one, or which.
    """
    layer, unit = _places(subject)
    selected = np.zeros(len(subject), np.bool_)
    for each, units in by_layer(state.selection).items():
        selected[_among(layer, unit, each, units)] = True
    obeyed = _obeyed(layer, unit, state.shown_edits, state.site)
    if state.at is not None:
        doubtful = state.under.possible
        if state.under.certain and state.under.edits is None:
            obeyed[:] = DOUBT
        for each in {place[1] for place in doubtful}:
            units_ = tuple(place[2] for place in doubtful if place[:2] == (state.site, each))
            obeyed[_among(layer, unit, each, units_)] = DOUBT
    now = _obeyed(layer, unit, state.standing.edits, state.site)
    columns = {"layer": layer, "unit": unit, "value": values, "selected": selected}
    return {**columns, "edit": obeyed, "edit_now": now}


def _obeyed(layers: Column, units: Column, edits: tuple[Edit, ...], site: str) -> Column:
    """Give in words the edit that each unit obeys, empty for none."""
    said = [(edit, f"{edit.op} {edit.value:g}") for edit in edits if edit.site == site]
    found = np.zeros(len(units), f"U{max((len(words) for _, words in said), default=1)}")
    for edit, words in said:
        found[_among(layers, units, edit.layer, edit.units)] = words
    return found


def _among(layers: Column, units: Column, layer: int, chosen: tuple[int, ...]) -> Column:
    """Give where some units of one layer stand in columns of layers and units."""
    rows = np.flatnonzero(layers == layer)
    return rows[np.isin(units[rows], chosen)]


def _places(subject: Subject) -> tuple[Column, Column]:
    """Give the layer and the unit of each index."""
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


def _all_layers(state: ViewState, store: ScanStore) -> Table | None:
    found, subject = all_rows(state, store), views.of(state).subject(state)
    if found is None or subject is None:
        return None
    ends = [(scale.low, scale.high) for scale in found.scales]
    facts = {"scale": _json(ends=ends, log=found.scales[0].log, magnitude=found.scales[0].magnitude)}
    return Table(units_columns(state, subject, found.rows.reshape(-1)), facts)


def _influence(state: ViewState, store: ScanStore) -> Table | None:
    """Give what the map shows of every unit: its measured change, or its correlation with the selection."""
    found, asked = influence_map(state, store), measured(state)
    if found is None:
        return None
    layers = np.flatnonzero(np.isfinite(found.rows).any(axis=1))
    shown, width = found.rows[layers], found.rows.shape[1]
    columns = {"layer": np.repeat(layers, width), "unit": np.tile(np.arange(width), len(layers))}
    if asked is None:
        return Table({**columns, "correlation": shown.reshape(-1)}, {"tokens": found.tokens})
    columns["ablated"] = np.isnan(found.caused[layers]).reshape(-1)
    scale = found.scale
    facts: dict[str, str | int | float] = {
        "scale": _json(low=scale.low, high=scale.high, log=scale.log, unit="standard deviations"),
        "kl": asked[1].kl,
        "asked": msgspec.json.encode(asked[0].request).decode(),
    }
    return Table({**columns, "change": shown.reshape(-1)}, facts)


def _tokens(state: ViewState, store: ScanStore) -> Table | None:
    """Give the candidates for the token after the shown one, then what each layer would say."""
    turn = store.turns.get(state.at.turn) if state.at else None
    came = turn.tokens.get(state.at.token + 1) if turn and state.at else None
    rows = [(-1, rank, each) for rank, each in enumerate(came.top)] if came else []
    given = len(rows)
    lens = state.measurements.answer(LogitLens)
    if lens is not None and is_of_now(lens[0], state):
        rows += [(each.layer, rank, top) for each in lens[1].layers for rank, top in enumerate(each.top)]
    if not rows:
        return None
    chosen = np.asarray([bool(came) and each.id == (came.id if came else -1) for _, _, each in rows])
    columns = {"layer": np.asarray([layer for layer, _, _ in rows]), **_candidates(rows), "chosen": chosen}
    entropy = came.entropy if came and came.entropy is not None else float("nan")
    read = {"lens_edits": _encoded(lens[0].edits)} if lens is not None and len(rows) > given else {}
    return Table(columns, {"entropy": entropy, **read})


def _candidates(rows: list[tuple[int, int, Candidate]]) -> dict[str, Column]:
    return {
        "rank": np.asarray([rank for _, rank, _ in rows]),
        "id": np.asarray([each.id for _, _, each in rows]),
        "candidate": np.asarray([each.text for _, _, each in rows]),
        "logprob": np.asarray([each.logprob for _, _, each in rows]),
    }


def _comparison(state: ViewState, _store: ScanStore) -> Table | None:
    """Give both replies, a token a row, and the divergence at each."""
    asked = state.measurements.answer(Comparison)
    if asked is None:
        return None
    answer = asked[1]
    count = max(len(answer.plain), len(answer.edited))
    kl = np.full(count, np.nan)
    kl[: len(answer.kl)] = answer.kl[:count]
    columns: dict[str, Column] = {"position": np.arange(count)}
    for name, tokens in (("plain", answer.plain), ("edited", answer.edited)):
        columns[name] = np.asarray([*(each.text for each in tokens), *[""] * (count - len(tokens))])
        logprobs = [*(each.logprob for each in tokens), *[np.nan] * (count - len(tokens))]
        columns[f"{name}_logprob"] = np.asarray(logprobs)
    facts = {"prompt": answer.prompt, "compared_edits": _encoded(asked[0].edits)}
    return Table({**columns, "kl": kl}, {**facts, "edits_changed_meanwhile": asked[0].disturbed})


def _spectrum(state: ViewState, store: ScanStore) -> Table | None:
    """Give amplitude by frequency, and by token in the spectrogram."""
    if state.spectrum == "spectrogram":
        signal = over_tokens(state, store)
        moved = moving(signal) if signal else None
        if moved is None:
            return None
        frequency, middle = np.repeat(moved.frequencies, len(moved.middles)), moved.middles
        at = np.tile(middle, len(moved.frequencies))
        return Table({"at": at, "frequency": frequency, "amplitude": moved.amplitudes.reshape(-1)})
    along = over_tokens(state, store) if state.spectrum == "tokens" else over_units(state, store)
    found = curve(along) if along else None
    if found is None:
        return None
    return Table({"frequency": found.frequencies, "amplitude": found.amplitudes}, {"flat": found.flat})


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _json(**values: object) -> str:
    return msgspec.json.encode(values).decode()


TABLES: Mapping[ViewName, Callable[[ViewState, ScanStore], Table | None]] = MappingProxyType(
    {
        "grid": _shown_units,
        "hebbian": _shown_units,
        "circles": _shown_units,
        "spectral": _spectrum,
        "influence": _influence,
        "layers": _all_layers,
        "tokens": _tokens,
        "compare": _comparison,
    }
)
