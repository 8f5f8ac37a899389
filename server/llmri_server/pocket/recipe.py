"""The recipe of `pocket`: every number that decides its weights."""

from dataclasses import dataclass

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

    def rate(self, step: int) -> float:
        """Give the share of the peak learning rate at `step`: linear rise, plateau, linear fall to zero."""
        fall = self.decay_share * self.steps
        return min(1.0, (step + 1) / self.warmup, (self.steps - step) / fall)
