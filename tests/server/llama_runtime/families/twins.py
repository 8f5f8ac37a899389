"""The twin: a model in PyTorch that is watched and edited by hooks of our own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tests.server.llama_runtime.families.family import Family, Spot

Floats = npt.NDArray[np.float32]
Hand = Callable[[Tensor], Tensor]  # from what passes at a site to what goes on

BLOCK = {"resid_pre": Spot("", "in"), "resid_post": Spot("", "out")}
KEPT = ("A_log", ".D", "dt_", "act_fn")  # weights whose range is part of their meaning


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return the blocks: the only list of modules beside those within blocks."""
    return list(next(module for module in model.modules() if isinstance(module, nn.ModuleList)))


def randomise(model: nn.Module, seed: int = 7) -> nn.Module:
    """Make all weights random, norms and biases too, so that nothing cancels or is equal by accident."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            noise = torch.randn(weights.shape, generator=source)
            if any(part in name for part in KEPT):
                continue
            if weights.ndim > 1:
                embedding = "embed" in name or "wte" in name
                weights.copy_(noise * (0.5 if embedding else 1.2 / weights.shape[-1] ** 0.5))
            elif name.endswith("weight"):
                weights.copy_(1 + 0.2 * noise)
            else:
                weights.copy_(0.2 * noise)
    model.train(False)
    return model


@dataclass(frozen=True)
class Passed:
    """What one pass gave: `[positions, vocabulary]`, and `[positions, width]` a site and layer."""

    logits: Floats
    rows: Mapping[tuple[str, int], Floats]


class Twin:
    """A family's model in PyTorch."""

    def __init__(self, family: Family) -> None:
        torch.manual_seed(1)
        self.model = randomise(family.twin())
        self.spots = {**BLOCK, **family.sites}
        self.differences = family.differences
        self.sites = {*self.spots, *self.differences}

    def run(self, ids: Sequence[int], hands: Mapping[tuple[str, int], Hand] | None = None) -> Passed:
        """Read a sequence; hands change what passes at a site of a layer."""
        rows: dict[tuple[str, int], Floats] = {}
        with torch.no_grad(), self._hooked(len(ids), hands or {}, rows):
            logits = self.model(torch.tensor([list(ids)]), use_cache=False).logits[0]
        for site, (total, part) in self.differences.items():
            layers = [layer for each, layer in rows if each == total]
            rows |= {(site, layer): rows[total, layer] - rows[part, layer] for layer in layers}
        return Passed(logits.float().numpy(), rows)

    @contextmanager
    def _hooked(
        self, count: int, hands: Mapping[tuple[str, int], Hand], rows: dict[tuple[str, int], Floats]
    ) -> Iterator[None]:
        handles = []
        for layer, block in enumerate(blocks_of(self.model)):
            for site, spot in self.spots.items():
                place = (site, layer)
                look = _Look(spot, count, hands.get(place), partial(rows.__setitem__, place))
                module = block.get_submodule(spot.module)
                if spot.side == "in":
                    handles.append(module.register_forward_pre_hook(look.before, with_kwargs=True))
                else:
                    handles.append(module.register_forward_hook(look.after, with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@dataclass(frozen=True)
class _Look:
    """Keeps what passes at a spot, `[positions, width]`, and changes it in place where a hand is there."""

    spot: Spot
    count: int
    hand: Hand | None
    keep: Callable[[Floats], None]

    def before(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._passes(module, args, named, (*args, *named.values())[0])

    def after(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        self._passes(module, args, named, output)

    def _passes(self, module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], passed: Any) -> None:
        if self.spot.read is not None:
            values = self.spot.read(module, args, named, passed)
        else:
            values = passed[0] if isinstance(passed, tuple) else passed
            if self.hand is not None:
                values.copy_(self.hand(values.reshape(self.count, -1)).reshape(values.shape))
        self.keep(values.reshape(self.count, -1).float().numpy() * np.float32(self.spot.factor))
