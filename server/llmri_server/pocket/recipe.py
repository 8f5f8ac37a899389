"""The recipe of `pocket`: every number that decides its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmri_server.pocket.dialogues import PRACTICE_SHARES, SHARES

CONTEXT = 512  # the longest conversation, in tokens


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the machine's arithmetic."""

    steps: int = 2600
    seed: int = 0
    rows: int = 16
    length: int = 256
    matrix_rate: float = 3e-3
    other_rate: float = 2e-3
    weight_decay: float = 0.1
    warmup: int = 100
    decay_share: float = 0.35
    clip: float = 1.0
    practice_steps: int = 700
    practice_peak: float = 0.3

    @property
    def all_steps(self) -> int:
        """Steps of both stages: teaching, then practice."""
        return self.steps + self.practice_steps

    def rate(self, step: int) -> float:
        """Return the share of the peak learning rate at `step`.

        Teaching: linear rise, plateau, linear fall to zero. Practice: linear fall from its own peak to zero.
        """
        if step >= self.steps:
            return self.practice_peak * (self.all_steps - step) / self.practice_steps
        fall = self.decay_share * self.steps
        return min(1.0, (step + 1) / self.warmup, (self.steps - step) / fall)

    def shares(self, step: int) -> Sequence[int]:
        """Return the chances of each skill in the batch of `step`, in the order of `SKILLS`."""
        return SHARES if step < self.steps else PRACTICE_SHARES
