"""The arithmetic of edits on whole rows: a few dense operations, however many units are edited.

A row of factors is 1 and a row of addends -0.0 where a unit is not edited: `x * 1` and `x + -0.0` are x, bit
for bit, for every x that is a number, and a replacement chooses. Half precision is computed in float32 and
rounded once, by PyTorch itself or here, as `h[..., units] *= value` is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from llmri_protocol.messages import Edit
from llmri_server.torch_runtime.interventions.gates import Strength, Strengths
from llmri_server.torch_runtime.interventions.live import Draw, Opening

WHOLE = slice(None)  # all positions of a pass

# What a unit is multiplied by, what is added to it, or what is put in its place, by its edit's operation.
Number = Callable[[Edit], float]
FACTORS: Mapping[str, Number] = {"scale": lambda edit: edit.value}
ADDENDS: Mapping[str, Number] = {"add": lambda edit: edit.value}
VALUES: Mapping[str, Number] = {"set": lambda edit: edit.value}


@cache
def rounds_addends(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether `h += value` rounds the value to the dtype of h before it adds: on the CPU it does.

    1 and a little more than half a unit in its last place: rounded alone the little is lost, and the tie
    goes to 1.
    """
    eps = torch.finfo(dtype).eps
    one = torch.ones(2, dtype=dtype, device=device)
    return bool((one + eps / 2 * (1 + eps / 4) == 1).all())


def narrowed(row: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a row in the model's dtype where that holds it exactly: the same results, less work."""
    narrow = row.to(dtype)
    return narrow if torch.equal(narrow.float(), row) else row


class Step(Protocol):
    """One change of all rows; `touched`, `[width]`, says of which units, None of all."""

    @property
    def touched(self) -> Tensor | None:
        """The units that it changes."""
        ...

    def change(self, rows: Tensor, part: slice = WHOLE) -> Tensor:
        """Return changed rows, `[batch, positions, width]`, not yet rounded to the model's dtype.

        `part` says which positions of the pass the rows are.
        """
        ...


@dataclass(frozen=True, eq=False)
class Steering:
    """A direction, `[width]`, that is added to all units."""

    addend: Tensor
    touched: None = None

    def change(self, rows: Tensor, part: slice = WHOLE) -> Tensor:  # noqa: ARG002  # the same everywhere
        """Add the direction."""
        return rows + self.addend


@dataclass(frozen=True, eq=False)
class Replacement:
    """Values, `[width]`, for the units that `here`, `[width]`, names."""

    here: Tensor
    values: Tensor


@dataclass(frozen=True, eq=False)
class Resampling:
    """Samples, `[samples, width]`, and which of them each position takes."""

    here: Tensor
    bank: Tensor
    draw: Draw


@dataclass(frozen=True, eq=False)
class UnitEdits:
    """Edits of single units, each of which obeys one operation."""

    touched: Tensor
    factors: Tensor | None = None
    addends: Tensor | None = None
    replacement: Replacement | None = None
    resamplings: tuple[Resampling, ...] = ()

    def change(self, rows: Tensor, part: slice = WHOLE) -> Tensor:
        """Multiply, add and replace."""
        if self.factors is not None:
            rows = rows * self.factors
        if self.addends is not None:
            rows = rows + self.addends
        if self.replacement is not None:
            rows = torch.where(self.replacement.here, self.replacement.values, rows)
        for sampled in self.resamplings:
            rows = torch.where(sampled.here, sampled.bank[sampled.draw.index(part)], rows)
        return rows


def apply(step: Step, rows: Tensor, strength: Strength) -> Tensor:
    """Rows, `[batch, positions, width]`, edited as strongly as that; the given ones stay as they are."""
    if strength == 1.0:
        return step.change(rows).to(rows.dtype)
    if isinstance(strength, float):
        return _between(step, rows, step.change(rows.float()), strength)
    edited = rows.clone(memory_format=torch.contiguous_format)
    edited[:, strength.part] = _selected(step, rows[:, strength.part], strength)
    return edited


def _selected(step: Step, rows: Tensor, strength: Strengths) -> Tensor:
    """Edit at some positions of a part of the pass."""
    changed = step.change(rows.float() if strength.graded else rows, strength.part)
    edited = changed.to(rows.dtype)
    if strength.values is None:
        return edited
    edited = torch.where(strength.values > 0, edited, rows)
    if not strength.graded:
        return edited
    return torch.where(strength.values < 1, _between(step, rows, changed, strength.values), edited)


def _between(step: Step, rows: Tensor, changed: Tensor, strength: float | Tensor) -> Tensor:
    """Go part of the way, in float32; units that are not edited keep their bits, and so do rows at 0."""
    start = rows.float()
    blended = (start + strength * (changed - start)).to(rows.dtype)
    there = step.touched
    if isinstance(strength, Tensor):
        there = strength > 0 if there is None else there & (strength > 0)
    return blended if there is None else torch.where(there, blended, rows)


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
