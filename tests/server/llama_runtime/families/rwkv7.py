"""RWKV 7 in PyTorch (Peng et al. 2025), its weights named as in a GGUF file."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.server.llama_runtime.families.rwkv import EPSILON, RANK, Rwkv, Weights, before
from tests.server.llama_runtime.families.sizes import LAYERS, NEURONS, WIDTH

HEADS, HEAD = 1, 64  # llama.cpp may compute 64 numbers of a head at once, and then no fewer
MIXED = 6  # receptances, decays, keys, values, rates of learning, gates
FASTEST = -0.606531  # of decays, as an exponent


class Rwkv7(Rwkv):
    def blocks(self) -> Iterable[nn.Module]:
        """Make the blocks; the first one's values are added to those of all others."""
        first = Block(None)
        return (first, *(Block(first) for _ in range(LAYERS - 1)))


class Block(nn.Module):
    def __init__(self, first: "Block | None") -> None:
        super().__init__()
        self.first = [first]  # in a list, so that its weights are not this one's
        self.values = torch.empty(0)
        self.attn_norm, self.attn_norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.time_mix_lerp_fused = Weights(MIXED, 1, 1, WIDTH)
        for name in ("receptance", "key", "value", "output"):
            self.add_module(f"time_mix_{name}", nn.Linear(WIDTH, WIDTH, bias=False))
        for name in "wavg":
            self.add_module(f"time_mix_{name}1", nn.Linear(WIDTH, RANK, bias=False))
            self.add_module(f"time_mix_{name}2", nn.Linear(RANK, WIDTH, bias=False))
        for name in ("w0", "a0", "v0", "k_k", "k_a", "r_k"):
            self.add_module(f"time_mix_{name}", Weights(WIDTH))
        self.time_mix_ln = nn.GroupNorm(HEADS, WIDTH, eps=EPSILON)
        self.channel_mix_lerp_k = Weights(WIDTH)
        self.channel_mix_key = nn.Linear(WIDTH, NEURONS, bias=False)
        self.channel_mix_value = nn.Linear(NEURONS, WIDTH, bias=False)

    def forward(self, stream: Tensor) -> Tensor:
        middle = stream + self.over_time(self.attn_norm(stream))
        return middle + self.over_channels(self.attn_norm_2(middle))

    def over_channels(self, read: Tensor) -> Tensor:
        change = before(read) - read
        keys = self.channel_mix_key(read + change * self.channel_mix_lerp_k.weight)
        written: Tensor = self.channel_mix_value(functional.relu(keys) ** 2)
        return written

    def over_time(self, read: Tensor) -> Tensor:
        lerps = self.time_mix_lerp_fused.weight
        r, w, k, v, a, g = (read + (before(read) - read) * lerp[0, 0] for lerp in lerps)
        receptances, keys = self._matrix("receptance", r), self._matrix("key", k)
        kept = torch.exp(FASTEST * torch.sigmoid(self._low_rank("w", torch.tanh, w) + self._own("w0")))
        rates = torch.sigmoid(self._low_rank("a", nn.Identity(), a) + self._own("a0"))
        values = self._values(v)
        removed = functional.normalize(by_head(keys * self._own("k_k")), dim=-1, eps=1e-12)
        keys = keys * (1 + (rates - 1) * self._own("k_a"))
        heads = [by_head(each) for each in (receptances, kept, keys, values)]
        found = recalled(*heads, rates=by_head(rates), removed=removed)
        normed = self.time_mix_ln(found.reshape(-1, WIDTH)).reshape(read.shape)
        now = (heads[0] * heads[2] * self._own("r_k").reshape(HEADS, HEAD)).sum(dim=-1, keepdim=True)
        together = normed + (now * heads[3]).reshape(read.shape)
        return self._matrix("output", together * self._low_rank("g", torch.sigmoid, g))

    def _values(self, read: Tensor) -> Tensor:
        """Return the values, more or less drawn to those of the first block."""
        self.values = self._matrix("value", read)
        (first,) = self.first
        if first is None:
            return self.values
        share = torch.sigmoid(self._low_rank("v", nn.Identity(), read) + self._own("v0"))
        return self.values + (first.values - self.values) * share

    def _matrix(self, name: str, read: Tensor) -> Tensor:
        written: Tensor = self.get_submodule(f"time_mix_{name}")(read)
        return written

    def _low_rank(self, name: str, between: Callable[[Tensor], Tensor], read: Tensor) -> Tensor:
        return self._matrix(f"{name}2", between(self._matrix(f"{name}1", read)))

    def _own(self, name: str) -> Tensor:
        return self.get_parameter(f"time_mix_{name}.weight")


def by_head(values: Tensor) -> Tensor:
    """Take the heads apart, `[batch, positions, heads, head]`."""
    return values.reshape(*values.shape[:2], HEADS, HEAD)


def recalled(
    receptances: Tensor, kept: Tensor, keys: Tensor, values: Tensor, *, rates: Tensor, removed: Tensor
) -> Tensor:
    """Follow the state `[batch, heads, value, key]` from token to token."""
    state = torch.zeros(keys.shape[0], HEADS, HEAD, HEAD)
    found = []
    for now in range(keys.shape[1]):
        gone = (state * -removed[:, now, :, None, :]).sum(dim=-1, keepdim=True)
        learned = values[:, now, :, :, None] * keys[:, now, :, None, :]
        state = state * kept[:, now, :, None, :] + learned
        state = state + gone * (removed * rates)[:, now, :, None, :]
        found.append((state * receptances[:, now, :, None, :]).sum(dim=-1))
    return torch.stack(found, dim=1)
