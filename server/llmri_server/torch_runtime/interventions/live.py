"""What of the edits changes from pass to pass: worked out once when a pass begins, read by all its hooks."""

from typing import Protocol

import torch
from torch import Tensor

from llmri_server.edits import sample_numbers
from llmri_server.torch_runtime.interventions.gates import ALWAYS, Gate, Strength
from llmri_server.torch_runtime.interventions.pass_position import PassPosition


class Live(Protocol):
    """Something that is brought up to date when a pass begins."""

    def update(self, now: PassPosition) -> None:
        """Bring it up to date."""
        ...


class Opening:
    """How far a gate is open in the present pass."""

    def __init__(self, gate: Gate, device: torch.device) -> None:
        self.gate = gate
        self._device = device
        self.strength: Strength = 1.0

    @property
    def always(self) -> bool:
        """Whether it never needs an update."""
        return self.gate == ALWAYS

    def update(self, now: PassPosition) -> None:
        """Work out the strength in the pass that begins."""
        self.strength = self.gate.strength(now, self._device)


class Draw:
    """Which samples the positions of the present pass take their values from."""

    def __init__(self, seed: int, samples: int, device: torch.device) -> None:
        self._numbers = sample_numbers(seed, samples).tolist()
        self._device = device
        self._index: int | Tensor = 0

    def update(self, now: PassPosition) -> None:
        """Draw for the pass that begins."""
        count = len(self._numbers)
        table = [
            [self._numbers[(column - padding) % count] for column in now.columns] for padding in now.padding
        ]
        single = len(table) == 1 == now.positions
        self._index = table[0][0] if single else torch.tensor(table, device=self._device)

    def index(self, part: slice) -> int | Tensor:
        """Return the sample of a pass over one position; else the samples, `[1 or batch, positions]`."""
        return self._index if isinstance(self._index, int) else self._index[:, part]
