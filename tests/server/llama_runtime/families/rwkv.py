"""RWKV 6 in PyTorch (Peng et al. 2024), its weights named as in a GGUF file."""

from collections.abc import Iterable
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.server.llama_runtime.families.sizes import HEAD, HEADS, NEURONS, VOCABULARY, WIDTH

BLOCKS, HALVED_EVERY, RANK = 4, 2, 8
MIXED = "wkvrg"  # decays, keys, values, receptances, gates
EPSILON = 64e-5  # of the norm of each head


class Rwkv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token_embd = nn.Embedding(VOCABULARY, WIDTH)
        self.token_embd_norm = nn.LayerNorm(WIDTH)
        self.blk = nn.ModuleList(self.blocks())
        self.output_norm = nn.LayerNorm(WIDTH)
        self.output = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def blocks(self) -> Iterable[nn.Module]:
        """Make the blocks."""
        return (Block(halved=(number + 1) % HALVED_EVERY == 0) for number in range(BLOCKS))

    def forward(self, ids: Tensor, *, use_cache: bool) -> SimpleNamespace:
        assert not use_cache
        stream = self.token_embd_norm(self.token_embd(ids))
        for block in self.blk:
            stream = block(stream)
        return SimpleNamespace(logits=self.output(self.output_norm(stream)))


class Weights(nn.Module):
    """Weights that no layer of PyTorch has."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))


class Block(nn.Module):
    """Mixes each token with those before it, then its channels; the stream is halved now and then."""

    def __init__(self, *, halved: bool) -> None:
        super().__init__()
        self.attn_norm, self.attn_norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        for name in ("receptance", "key", "value", "gate", "output"):
            self.add_module(f"time_mix_{name}", nn.Linear(WIDTH, WIDTH, bias=False))
        for name in ("time_mix_lerp_x", *(f"time_mix_lerp_{each}" for each in MIXED)):
            self.add_module(name, Weights(WIDTH))
        self.time_mix_w1 = nn.Linear(WIDTH, len(MIXED) * RANK, bias=False)
        self.time_mix_w2 = Weights(len(MIXED), WIDTH, RANK)
        self.time_mix_first = Weights(HEADS, HEAD)
        self.time_mix_decay = Weights(WIDTH)
        self.time_mix_decay_w1 = nn.Linear(WIDTH, RANK, bias=False)
        self.time_mix_decay_w2 = nn.Linear(RANK, WIDTH, bias=False)
        self.time_mix_ln = nn.GroupNorm(HEADS, WIDTH, eps=EPSILON)
        self.channel_mix_lerp_k, self.channel_mix_lerp_r = Weights(WIDTH), Weights(WIDTH)
        self.channel_mix_key = nn.Linear(WIDTH, NEURONS, bias=False)
        self.channel_mix_value = nn.Linear(NEURONS, WIDTH, bias=False)
        self.channel_mix_receptance = nn.Linear(WIDTH, WIDTH, bias=False)
        self.scale = 0.5 if halved else 1.0

    def forward(self, stream: Tensor) -> Tensor:
        middle = stream + self.over_time(self.attn_norm(stream))
        return (middle + self.over_channels(self.attn_norm_2(middle))) * self.scale

    def over_time(self, read: Tensor) -> Tensor:
        decay_read, *others = self._mixed(read)
        keys, values, receptances, gates = (
            self.get_submodule(f"time_mix_{name}")(each)
            for name, each in zip(("key", "value", "receptance", "gate"), others, strict=True)
        )
        change = self.time_mix_decay_w2(torch.tanh(self.time_mix_decay_w1(decay_read)))
        kept = torch.exp(-torch.exp(change + self.time_mix_decay.weight))
        found = self._recalled(*(by_head(each) for each in (keys, values, receptances, kept)))
        normed = self.time_mix_ln(found.reshape(-1, WIDTH)).reshape(read.shape)
        written: Tensor = self.get_submodule("time_mix_output")(normed * functional.silu(gates))
        return written

    def over_channels(self, read: Tensor) -> Tensor:
        change = before(read) - read
        keys = self.channel_mix_key(read + change * self.channel_mix_lerp_k.weight)
        receptances = self.channel_mix_receptance(read + change * self.channel_mix_lerp_r.weight)
        written: Tensor = torch.sigmoid(receptances) * self.channel_mix_value(functional.relu(keys) ** 2)
        return written

    def _mixed(self, read: Tensor) -> list[Tensor]:
        """Return what each projection reads: the token, and more or less of the one before it."""
        change = before(read) - read
        chosen = torch.tanh(self.time_mix_w1(read + change * self._lerp("x")))
        parts = chosen.reshape(*read.shape[:2], len(MIXED), RANK)
        shares = torch.einsum("btmr,mwr->mbtw", parts, self.time_mix_w2.weight)
        return [read + change * (share + self._lerp(name)) for name, share in zip(MIXED, shares, strict=True)]

    def _lerp(self, name: str) -> Tensor:
        return self.get_parameter(f"time_mix_lerp_{name}.weight")

    def _recalled(self, keys: Tensor, values: Tensor, receptances: Tensor, kept: Tensor) -> Tensor:
        """Follow the state `[batch, heads, key, value]` from token to token."""
        state = torch.zeros(keys.shape[0], HEADS, HEAD, HEAD)
        found = []
        for now in range(keys.shape[1]):
            new = keys[:, now, :, :, None] * values[:, now, :, None, :]
            seen = state + self.time_mix_first.weight[:, :, None] * new
            found.append((receptances[:, now, :, :, None] * seen).sum(dim=-2))
            state = state * kept[:, now, :, :, None] + new
        return torch.stack(found, dim=1)


def before(read: Tensor) -> Tensor:
    """Return each token's one before; zeros for the first."""
    return functional.pad(read, (0, 0, 1, -1))


def by_head(values: Tensor) -> Tensor:
    """Take the heads apart, `[batch, positions, heads, head]`."""
    return values.reshape(*values.shape[:2], HEADS, HEAD)
