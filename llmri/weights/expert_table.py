"""The table of a mixture's experts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from llmri.weights.tables import Cell, Column
from llmri_weights.errors import WeightsError
from llmri_weights.experts import Expert, ExpertStatistics, expert_statistics


@dataclass(frozen=True)
class ExpertRow:
    """One matrix of one expert.

    Attributes:
        expert: The matrix.
        statistics: Of its values, or None where they can't be read.
        note: Why they can't; else nothing.
    """

    expert: Expert
    statistics: ExpertStatistics | None
    note: str


def expert_rows(
    found: Sequence[Expert], on_expert: Callable[[int], object] = lambda _number: None
) -> Iterator[ExpertRow]:
    """Yield a row for each matrix of each expert, and tell how many more are done."""
    for expert in found:
        try:
            yield ExpertRow(expert, expert_statistics(expert.tensor.matrix()), "")
        except WeightsError as error:
            yield ExpertRow(expert, None, str(error))
        on_expert(1)


def _of(value: Callable[[ExpertStatistics], Cell]) -> Callable[[ExpertRow], Cell]:
    return lambda row: value(row.statistics) if row.statistics else None


COLUMNS: Sequence[Column[ExpertRow]] = (
    Column("name", "matrix", lambda row: row.expert.tensor.name),
    Column("layer", "layer", lambda row: row.expert.layer),
    Column("weight", "weight", lambda row: row.expert.part),
    Column("expert", "expert", lambda row: row.expert.number),
    Column("rms", "rms", _of(lambda found: found.rms)),
    Column("frobenius", "frobenius", _of(lambda found: found.frobenius)),
    Column("mean_abs", "mean |x|", _of(lambda found: found.mean_abs)),
    Column("sparsity", "sparsity", _of(lambda found: found.sparsity)),
    Column("note", "", lambda row: row.note),
)
