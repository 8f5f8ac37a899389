"""When an edit acts: at which positions, and how strongly."""

from dataclasses import dataclass
from itertools import cycle

import torch
from torch import Tensor

from llmri_server.edits.conditions import Conditions
from llmri_server.torch_runtime.interventions.pass_position import PassPosition


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


class Gate(Conditions):
    """The conditions of an edit, over the positions of a pass."""

    def strength(self, now: PassPosition, device: torch.device) -> Strength:
        """Return the strength in a pass: one number where it is the same at all its positions."""
        if self == LAST and now.positions == 1 and not now.ends_inside_prompt:
            return 1.0
        newest = None if now.ends_inside_prompt else now.columns[-1]
        table = [
            [
                self.at(column - padding, column - now.prompt + 1, last=column == newest)
                for column in now.columns
            ]
            for padding in now.padding
        ]
        if not self.special:
            table = _masked(table, now.ordinary)
        found = {strength for row in table for strength in row}
        return found.pop() if len(found) == 1 else _strengths(table, device)


ALWAYS = Gate()
LAST = Gate("last")


def _strengths(table: list[list[float]], device: torch.device) -> Strengths:
    """Return strengths that differ, as tensors over no more positions than needed."""
    there = [number for number, column in enumerate(zip(*table, strict=True)) if any(column)]
    part = slice(there[0], there[-1] + 1)
    rows = [row[part] for row in table]
    found = {strength for row in rows for strength in row}
    if found == {1.0}:
        return Strengths(part, None, graded=False)
    values = torch.tensor(rows, dtype=torch.float32, device=device)[..., None]
    return Strengths(part, values, graded=not found <= {0.0, 1.0})


def _masked(table: list[list[float]], ordinary: list[list[bool]]) -> list[list[float]]:
    """Return the strengths, 0 at special tokens; a single row counts for the whole batch."""
    rows = cycle(table) if len(table) == 1 else table
    return [
        [strength if there else 0.0 for strength, there in zip(row, present, strict=True)]
        for row, present in zip(rows, ordinary, strict=False)
    ]
