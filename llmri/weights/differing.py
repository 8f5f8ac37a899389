"""The table of two checkpoints' differences."""

from collections.abc import Callable, Sequence

from llmri.weights.tables import Cell, Column
from llmri_weights.comparison import Compared
from llmri_weights.difference import Difference


def _of(value: Callable[[Difference], Cell]) -> Callable[[Compared], Cell]:
    return lambda row: value(row.difference) if row.difference else None


def _shape(row: Compared) -> Cell:
    found = row.first or row.second
    return list(found.shape) if found else None


COLUMNS: Sequence[Column[Compared]] = (
    Column("name", "tensor", lambda row: row.name),
    Column("other_name", "", lambda row: row.second.name if row.second else None),
    Column("shape", "shape", _shape),
    Column("dtype", "dtype", lambda row: row.first.weight.dtype if row.first else None),
    Column("other_dtype", "other dtype", lambda row: row.second.weight.dtype if row.second else None),
    Column("relative_difference", "relative difference", _of(lambda found: found.relative)),
    Column("rms", "rms", _of(lambda found: found.rms)),
    Column("absmax", "absmax", _of(lambda found: found.absmax)),
    Column("changed", "changed", _of(lambda found: found.changed)),
    Column("metric", "metric", _of(lambda found: found.shown)),
    Column("nonfinite", "nonfinite", _of(lambda found: found.nonfinite)),
    Column("note", "note", lambda row: row.note),
)
