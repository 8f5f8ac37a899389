"""When an edit acts: at which positions, and how strongly."""

from dataclasses import dataclass
from itertools import cycle

import torch
from torch import Tensor

from llmri_protocol.messages import Edit, PositionKind, Schedule
from llmri_server.torch_runtime.interventions.whereabouts import Whereabouts


@dataclass(frozen=True, eq=False)
class Strengths:
    """How strongly an edit acts at each position of a pass, where not everywhere alike.

    Attributes:
        part: The positions that it acts at lie in here; those of the pass count from 0.
        values: Float32 `[1 or batch, positions of the part, 1]`, from 0 to 1; None where all are 1.
        graded: Whether some are neither 0 nor 1.
    """

    part: slice
    values: Tensor | None
    graded: bool


Strength = float | Strengths


@dataclass(frozen=True)
class Gate:
    """The conditions of an edit; all of them hold together."""

    positions: PositionKind | frozenset[int] = "all"
    since: int = 0
    special: bool = True
    schedule: Schedule | None = None

    @classmethod
    def of(cls, edit: Edit) -> "Gate":
        """Give the conditions of an edit."""
        kind = edit.positions if isinstance(edit.positions, str) else frozenset(edit.positions)
        return cls(kind, edit.since or 0, edit.special, edit.schedule)

    def strength(self, now: Whereabouts, device: torch.device) -> Strength:
        """Give the strength in a pass: one number where it is the same at all its positions."""
        if self == LAST and now.positions == 1 and not now.ends_inside_prompt:
            return 1.0
        table = [[self._at(column, padding, now) for column in now.columns] for padding in now.padding]
        if not self.special:
            table = _masked(table, now.ordinary)
        found = {strength for row in table for strength in row}
        return found.pop() if len(found) == 1 else _strengths(table, device)

    def _at(self, column: int, padding: int, now: Whereabouts) -> float:
        """Give the strength at one position."""
        number = column - padding
        decides = column - now.prompt + 1  # the reply's token that is decided here, if it is not negative
        if number < self.since or not self._is_among(number, column, decides, now):
            return 0.0
        if self.schedule is None:
            return 1.0
        step = decides - self.schedule.first
        if step < 0 or (self.schedule.tokens is not None and step >= self.schedule.tokens):
            return 0.0
        return min(1.0, (step + 1) / self.schedule.ramp) if self.schedule.ramp else 1.0

    def _is_among(self, number: int, column: int, decides: int, now: Whereabouts) -> bool:
        match self.positions:
            case "all":
                return True
            case "prompt":
                return decides <= 0
            case "generated":
                return decides > 0
            case "last":
                return column == now.columns[-1] and not now.ends_inside_prompt
        return number in self.positions


ALWAYS = Gate()
LAST = Gate("last")


def _strengths(table: list[list[float]], device: torch.device) -> Strengths:
    """Give strengths that differ, as tensors over no more positions than needed."""
    there = [number for number, column in enumerate(zip(*table, strict=True)) if any(column)]
    part = slice(there[0], there[-1] + 1)
    rows = [row[part] for row in table]
    found = {strength for row in rows for strength in row}
    if found == {1.0}:
        return Strengths(part, None, graded=False)
    values = torch.tensor(rows, dtype=torch.float32, device=device)[..., None]
    return Strengths(part, values, graded=not found <= {0.0, 1.0})


def _masked(table: list[list[float]], ordinary: list[list[bool]]) -> list[list[float]]:
    """Give the strengths, 0 at special tokens; a single row counts for the whole batch."""
    rows = cycle(table) if len(table) == 1 else table
    return [
        [strength if there else 0.0 for strength, there in zip(row, present, strict=True)]
        for row, present in zip(rows, ordinary, strict=False)
    ]
