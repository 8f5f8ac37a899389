"""Which units a view shows, and how their values are read from the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llmri_look import words
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.store import Rows, ScanRows, ScanStore, TokenRef

SAMPLE_VALUES = 32768
Ints = npt.NDArray[np.intp]


class Scans:
    """Some scans as the key of a cache: equal to others where they are the very same arrays."""

    def __init__(self, sheets: Iterable[ScanRows]) -> None:
        self.sheets = tuple(sheets)
        self._same = tuple(id(sheet.rows) for sheet in self.sheets)  # no other's, while these are kept here

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scans) and self._same == other._same

    def __hash__(self) -> int:
        return hash(self._same)


class UnitSelection(Protocol):
    """Units in an order; an index below is a place in that order."""

    @property
    def where(self) -> str:
        """Name the layers."""
        ...

    @property
    def layers(self) -> tuple[int, ...]:
        """Return the layers that have units here."""
        ...

    def __hash__(self) -> int:
        """Pictures are kept by their subject."""
        ...

    def __len__(self) -> int:
        """Count the units."""
        ...

    def place(self, index: int, /) -> tuple[int, int]:
        """Return the layer and unit of an index."""
        ...

    def index(self, place: tuple[int, int], /) -> int | None:
        """Return the index of a layer's unit, None where it is not shown."""
        ...

    def read(self, sheet: ScanRows, step: int = 1, /) -> Rows | None:
        """Return the values in a scan, `[units]`, or of every so many units; None where it has none."""
        ...


@dataclass(frozen=True)
class LayerUnits:
    """All units of one layer, in order."""

    layer: int
    width: int

    @property
    def where(self) -> str:
        """See `UnitSelection`."""
        return f"layer {self.layer}"

    @property
    def layers(self) -> tuple[int, ...]:
        """See `UnitSelection`."""
        return (self.layer,)

    def __len__(self) -> int:
        return self.width

    def place(self, index: int, /) -> tuple[int, int]:
        """See `UnitSelection`."""
        return self.layer, index

    def index(self, place: tuple[int, int], /) -> int | None:
        """See `UnitSelection`."""
        return place[1] if place[0] == self.layer and place[1] < self.width else None

    def read(self, sheet: ScanRows, step: int = 1, /) -> Rows | None:
        """See `UnitSelection`."""
        row = sheet.row(self.layer)
        return None if row is None else row[::step]


@dataclass(frozen=True)
class AllUnits:
    """All units of all layers, layer after layer."""

    count: int  # of layers
    width: int

    @property
    def where(self) -> str:
        """See `UnitSelection`."""
        return words.layers(self.layers)

    @property
    def layers(self) -> tuple[int, ...]:
        """See `UnitSelection`."""
        return tuple(range(self.count))

    def __len__(self) -> int:
        return self.count * self.width

    def place(self, index: int, /) -> tuple[int, int]:
        """See `UnitSelection`."""
        return divmod(index, self.width)

    def index(self, place: tuple[int, int], /) -> int | None:
        """See `UnitSelection`."""
        layer, unit = place
        return layer * self.width + unit if layer < self.count and unit < self.width else None

    def read(self, sheet: ScanRows, step: int = 1, /) -> Rows | None:
        """See `UnitSelection`. A layer that the scan lacks is NaN."""
        return self.rows(sheet).reshape(-1)[::step]

    def rows(self, sheet: ScanRows) -> Rows:
        """Return the values in a scan, `[layers, width]`; NaN for a layer that it lacks."""
        if sheet.layers == self.layers and sheet.rows.shape[1] == self.width:
            return sheet.rows
        rows = np.full((self.count, self.width), np.nan, np.float32)
        for layer, row in zip(sheet.layers, sheet.rows, strict=True):
            if layer < self.count and row.size == self.width:
                rows[layer] = row
        return rows


@dataclass(frozen=True)
class AtlasUnits:
    """The units of a clustering, over its layers."""

    atlas: Atlas

    @property
    def where(self) -> str:
        """See `UnitSelection`."""
        return words.layers(self.layers)

    @property
    def layers(self) -> tuple[int, ...]:
        """See `UnitSelection`."""
        return self.atlas.layers

    def __len__(self) -> int:
        return len(self.atlas.clustering.units)

    def place(self, index: int, /) -> tuple[int, int]:
        """See `UnitSelection`."""
        return self.atlas.place(index)

    def index(self, place: tuple[int, int], /) -> int | None:
        """See `UnitSelection`."""
        return self.atlas.index(*place)

    def read(self, sheet: ScanRows, step: int = 1, /) -> Rows | None:
        """See `UnitSelection`. A unit whose layer the scan lacks is NaN."""
        at, missing = _found(self.atlas, sheet.layers, sheet.rows.shape[1], step)
        if isinstance(at, slice):  # the usual case: a scan is as long as all of them, and need not be copied
            return sheet.rows.reshape(-1)[at]
        if missing.size == at.size:
            return None
        values: Rows = sheet.rows.take(at)
        values[missing] = np.nan
        return values


@lru_cache(maxsize=16)
def _found(atlas: Atlas, layers: tuple[int, ...], width: int, step: int) -> tuple[Ints | slice, Ints]:
    """Return where every so many units stand among a scan's values, row after row, and which it lacks.

    That is a slice where it lacks none, and all are equally far apart.
    """
    units = atlas.clustering.units
    row_of = np.full(max(*layers, atlas.layers[-1]) + 1, -1)
    row_of[list(layers)] = np.arange(len(layers))
    rows, index = row_of[units.layer[::step]], units.index[::step].astype(np.intp)
    lacking = (rows < 0) | (index >= width)
    at, missing = np.where(lacking, 0, rows * width + index), np.flatnonzero(lacking)
    gaps = np.diff(at)
    if not missing.size and gaps.size and gaps[0] > 0 and (gaps == gaps[0]).all():
        return slice(int(at[0]), int(at[-1]) + 1, int(gaps[0])), missing
    return at, missing


def difference(late: Rows, early: Rows) -> Rows:
    """The change of values; one beyond float32 is infinite, and so keeps its place among the others."""
    with np.errstate(over="ignore", invalid="ignore"):
        change: Rows = late - early
    return change


def values_at(subject: UnitSelection, store: ScanStore, moment: TokenRef | None, site: str) -> Rows | None:
    """Return the units' activations at a token, `[units]`; None where no scan of it is kept."""
    sheet = store.scan(moment, site)
    return subject.read(sheet) if sheet else None


def sample(subject: UnitSelection, store: ScanStore, turn: int, site: str) -> Rows:
    """Return the units at tokens spread evenly over a turn, `[tokens, units]`: at most 32 tokens.

    Units are spread evenly too, where there are more than 32,768 values.
    """
    return sampled(subject, store.spread(turn, site))


def sampled(subject: UnitSelection, sheets: Sequence[ScanRows]) -> Rows:
    """Return the units in some scans, `[scans, units]`, of every so many units: at most 32,768 values."""
    step = max(1, -(-len(sheets) * len(subject) // SAMPLE_VALUES))
    rows = [row for sheet in sheets if (row := subject.read(sheet, step)) is not None]
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
