"""The sums of the residual stream, and the numbers that branches are multiplied with on their way into it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

ROUNDINGS = 8  # sums may be rounded in another order than the model's, a few times
NEAR = 0.02  # of a number found by least squares in 16 bits
FAR = 0.1  # of the length of a difference that is nearly that of its part, before it is looked at closely


def adds_up(total: Tensor, *parts: Tensor) -> bool:
    """Whether `total` is the sum of the parts, to within a few roundings of their dtype."""
    size = total.abs().double() + sum(part.abs().double() for part in parts)
    gap = total.double() - sum(part.double() for part in parts)
    return bool((gap.abs() <= ROUNDINGS * torch.finfo(total.dtype).eps * size).all())


@dataclass(frozen=True)
class Multipliers:
    """The numbers that a model's config and modules hold, by which it may multiply a branch."""

    numbers: tuple[float, ...]

    def of(self, total: Tensor, rest: Tensor, part: Tensor) -> float | None:
        """Return the number by which the part, multiplied, is `total` less `rest`; None where there is none.

        Least squares says about which; one that the model holds is taken before the one that was found.
        """
        gap, whole = (total.float() - rest.float()).flatten(), part.float().flatten()
        size = float(whole.dot(whole))
        found = float(gap.dot(whole)) / size if size else 0.0
        if not found or not float((gap - found * whole).norm()) <= FAR * float(gap.norm()):
            return None
        if adds_up(total, rest, part):
            return 1.0
        held = sorted(self.numbers, key=lambda number: abs(number - found))
        near = [number for number in held[:1] if abs(number - found) <= NEAR * abs(found)]
        return next((each for each in (*near, found) if adds_up(total, rest, part * each)), None)

    def common(self, total: Tensor, rest: Tensor, parts: Sequence[Tensor]) -> float | None:
        """Return the one number by which the sum of several parts is multiplied."""
        if adds_up(total, rest, *parts):
            return 1.0
        wanted = self.of(total, rest, torch.stack([part.double() for part in parts]).sum(0).to(total.dtype))
        return wanted if wanted and adds_up(total, rest, *(part * wanted for part in parts)) else None


def multipliers(config: PreTrainedConfig, block: nn.Module) -> Multipliers:
    """Collect the fractions that a config, a block and its modules hold."""
    holders: list[Mapping[str, object]] = [vars(config), *(vars(module) for module in block.modules())]
    numbers = {value for holder in holders for value in holder.values() if isinstance(value, float)}
    layers = int(config.num_hidden_layers)
    scaled = {number / math.sqrt(layers) for number in numbers}  # as MiniCPM's depth scaling
    return Multipliers(tuple(sorted(each for each in numbers | scaled if each and math.isfinite(each))))
