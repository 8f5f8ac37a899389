"""The rows of a checkpoint's table: what its headers say of each tensor, and what its values are like."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llmri_weights.checkpoint import Checkpoint
from llmri_weights.errors import WeightsError
from llmri_weights.statistics import Statistics, statistics_of
from llmri_weights.weight import Weight


@dataclass(frozen=True)
class TensorRow:
    """One tensor.

    Attributes:
        weight: The tensor.
        statistics: Of its values, or None where they were not wanted or can't be read.
        note: Why they can't be read, or what it is the same as; else nothing.
        faulty: Whether it should have been readable.
    """

    weight: Weight
    statistics: Statistics | None
    note: str
    faulty: bool


def rows_of(
    checkpoint: Checkpoint, *, measured: bool, on_tensor: Callable[[Weight], object] = lambda _weight: None
) -> Iterator[TensorRow]:
    """Yield a row for each tensor of a checkpoint, in the order of its files.

    Args:
        checkpoint: The tensors.
        measured: Whether their values are read; else only the headers have been.
        on_tensor: Is told each tensor once it is done.
    """
    known: dict[str, Statistics] = {}
    for weight in checkpoint.weights:
        yield _row(weight, known, measured=measured)
        on_tensor(weight)


def _row(weight: Weight, known: dict[str, Statistics], *, measured: bool) -> TensorRow:
    note = f"the same bytes as {weight.same_as}" if weight.same_as else ""
    if weight.fault or not measured:
        return TensorRow(weight, None, weight.fault or note, faulty=bool(weight.fault))
    try:
        matrix = weight.matrix()
    except WeightsError as error:
        return TensorRow(weight, None, str(error), faulty=False)
    try:
        statistics = known.get(weight.same_as) or statistics_of(matrix)
    except WeightsError as error:
        return TensorRow(weight, None, str(error), faulty=True)
    known[weight.name] = statistics
    return TensorRow(weight, statistics, note, faulty=False)
