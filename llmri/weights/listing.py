"""The table of a checkpoint's tensors."""

from collections.abc import Callable, Sequence

from llmri.weights.measuring import TensorRow
from llmri.weights.tables import Cell, Column
from llmri_weights.statistics import Statistics

IN_HEADERS: tuple[Column[TensorRow], ...] = (
    Column("name", "tensor", lambda row: row.weight.name),
    Column("shape", "shape", lambda row: list(row.weight.shape)),
    Column("dtype", "dtype", lambda row: row.weight.dtype),
    Column("bytes", "bytes", lambda row: row.weight.nbytes),
)


def _of(value: Callable[[Statistics], Cell]) -> Callable[[TensorRow], Cell]:
    return lambda row: value(row.statistics) if row.statistics else None


MEASURED: tuple[Column[TensorRow], ...] = (
    Column("mean", "mean", _of(lambda found: found.mean)),
    Column("rms", "rms", _of(lambda found: found.rms)),
    Column("absmax", "absmax", _of(lambda found: found.absmax)),
    Column("share_of_zeros", "zeros", _of(lambda found: found.zeros)),
    Column("nonfinite", "nonfinite", _of(lambda found: found.nonfinite)),
)
NOTE: Column[TensorRow] = Column("note", "", lambda row: row.note)


def columns(*, measured: bool) -> Sequence[Column[TensorRow]]:
    """Return the columns of a table with or without statistics."""
    return (*IN_HEADERS, *(MEASURED if measured else ()), NOTE)
