"""What happens to the rows of one place, in order."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from llmri_server.torch_runtime.interventions.live import Opening
from llmri_server.torch_runtime.interventions.steps import Step, apply

ROWS = 3  # dimensions: batch, positions, width


class Change(Protocol):
    """Changes what passes at one place."""

    def apply(self, value: Tensor, positions: int) -> Tensor:
        """Return the edited tensor, or the very same where nothing is edited; it stays as it is.

        Args:
            value: `[batch, positions, width]`, or its first two axes in one.
            positions: How many positions the pass computes.
        """
        ...


class Program:
    """Steps, each with the gate that rules it."""

    def __init__(self, steps: Sequence[tuple[Step, Opening]]) -> None:
        self._steps = tuple(steps)

    def apply(self, value: Tensor, positions: int) -> Tensor:
        """Let the steps act whose gates are open."""
        rows = value if value.ndim == ROWS else value.reshape(-1, positions, value.shape[-1])
        edited = rows
        for step, opening in self._steps:
            if opening.strength:
                edited = apply(step, edited, opening.strength)
        if edited is rows:
            return value
        return edited if value.ndim == ROWS else edited.reshape(value.shape)


class RowPrograms:
    """A program for some rows of the batch; the other rows stay as they are."""

    def __init__(self, programs: Mapping[int, Program]) -> None:
        self._programs = tuple(programs.items())

    def apply(self, value: Tensor, positions: int) -> Tensor:
        """Let each row feel its own program."""
        rows = value.reshape(-1, positions, value.shape[-1])
        if len(rows) == 1 == len(self._programs):
            return self._programs[0][1].apply(value, positions)
        edited = rows.clone()
        for row, program in self._programs:
            edited[row : row + 1] = program.apply(rows[row : row + 1], positions)
        return edited.reshape(value.shape)
