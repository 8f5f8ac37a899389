"""A plain decoder in PyTorch, for architectures of llama.cpp that transformers has no class for.

Its tensors are named as a Llama's, so that `gguf` knows them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.server.llama_runtime.families.sizes import (
    HEAD,
    HEADS,
    KEY_HEADS,
    LAYERS,
    NEURONS,
    VOCABULARY,
    WIDTH,
)

BASE, STEEPEST = 10000.0, 8.0  # of rotations; of ALiBi (Press et al. 2022), as an exponent of two


@dataclass(frozen=True)
class Design:
    """What sets one decoder apart from a Llama.

    Attributes:
        layer_norm: LayerNorm with biases in place of RMS norm.
        turned: How many numbers of a head are rotated by position; none with ALiBi in its place.
        by_pairs: Whether neighbours are rotated together, or halves.
        head_norms: Whether queries and keys are normalised, each head by itself.
        one_matrix: Whether queries, keys and values come from one.
        key_bias, bias: Whether queries, keys and values have one; and all other matrices.
        gated, fused: Whether the neurons are gated, and whether both come from one matrix.
        parallel: Whether attention and MLP read the same, and are added together.
        tied: Whether the logits come from the embedding's matrix.
        scale: What scores are multiplied with.
    """

    layers: int = LAYERS
    key_heads: int = KEY_HEADS
    layer_norm: bool = False
    turned: int = HEAD
    by_pairs: bool = False
    head_norms: bool = False
    one_matrix: bool = False
    key_bias: bool = False
    bias: bool = False
    gated: bool = True
    fused: bool = False
    parallel: bool = False
    tied: bool = False
    scale: float = HEAD**-0.5

    def norm(self, width: int = WIDTH) -> nn.Module:
        """Make a norm."""
        return nn.LayerNorm(width, eps=1e-5) if self.layer_norm else nn.RMSNorm(width, eps=1e-6)


def plain(design: Design, block: Callable[[Design], nn.Module] | None = None) -> Callable[[], nn.Module]:
    """Say how a decoder of a design is made; of other blocks if they are given."""
    return lambda: Decoder(design, block or Block)


class Decoder(nn.Module):
    def __init__(self, design: Design, block: Callable[[Design], nn.Module]) -> None:
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.model.layers = nn.ModuleList(block(design) for _ in range(design.layers))
        self.model.norm = design.norm()
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        if design.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, ids: Tensor, *, use_cache: bool) -> SimpleNamespace:
        assert not use_cache
        stream = self.model.get_submodule("embed_tokens")(ids)
        for block in self.model.get_submodule("layers").children():
            stream = block(stream)
        return SimpleNamespace(logits=self.lm_head(self.model.get_submodule("norm")(stream)))


class Block(nn.Module):
    def __init__(self, design: Design) -> None:
        super().__init__()
        self.input_layernorm = design.norm()
        self.self_attn = Attention(design)
        self.mlp = Mlp(design)
        if not design.parallel:
            self.post_attention_layernorm = design.norm()
        self.parallel = design.parallel

    def forward(self, stream: Tensor) -> Tensor:
        read = self.input_layernorm(stream)
        middle: Tensor = stream + self.self_attn(read)
        written: Tensor = self.mlp(read if self.parallel else self.post_attention_layernorm(middle))
        return middle + written


class Attention(nn.Module):
    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design = design
        self.widths = [HEADS * HEAD, design.key_heads * HEAD, design.key_heads * HEAD]
        names = ["qkv_proj"] if design.one_matrix else ["q_proj", "k_proj", "v_proj"]
        for name, width in zip(names, [sum(self.widths)] if design.one_matrix else self.widths, strict=True):
            self.add_module(name, nn.Linear(WIDTH, width, bias=design.key_bias))
        if design.head_norms:
            self.q_norm, self.k_norm = design.norm(HEAD), design.norm(HEAD)
        self.o_proj = nn.Linear(HEADS * HEAD, WIDTH, bias=design.bias)

    def forward(self, read: Tensor) -> Tensor:
        queries, keys, values = (self._heads(each) for each in self._projected(read))
        if self.design.head_norms:
            queries, keys = self.q_norm(queries), self.k_norm(keys)
        if self.design.turned:
            queries, keys = (rotated(each, self.design) for each in (queries, keys))
        mask = bias_of(read.shape[1], slopes=not self.design.turned)
        z = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, scale=self.design.scale, enable_gqa=True
        )
        written: Tensor = self.o_proj(z.transpose(1, 2).reshape(*read.shape[:2], -1))
        return written

    def _projected(self, read: Tensor) -> list[Tensor]:
        if self.design.one_matrix:
            return list(torch.split(self.get_submodule("qkv_proj")(read), self.widths, dim=-1))
        return [self.get_submodule(name)(read) for name in ("q_proj", "k_proj", "v_proj")]

    def _heads(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:2], -1, HEAD).transpose(1, 2)


class Mlp(nn.Module):
    def __init__(self, design: Design, neurons: int = NEURONS) -> None:
        super().__init__()
        self.design = design
        if design.fused:
            self.gate_up_proj = nn.Linear(WIDTH, 2 * neurons, bias=design.bias)
        else:
            self.up_proj = nn.Linear(WIDTH, neurons, bias=design.bias)
        if design.gated and not design.fused:
            self.gate_proj = nn.Linear(WIDTH, neurons, bias=design.bias)
        self.down_proj = nn.Linear(neurons, WIDTH, bias=design.bias)

    def forward(self, read: Tensor) -> Tensor:
        written: Tensor = self.down_proj(self._neurons(read))
        return written

    def _neurons(self, read: Tensor) -> Tensor:
        if self.design.fused:
            gate, up = torch.chunk(self.gate_up_proj(read), 2, dim=-1)
            return functional.silu(gate) * up
        up = self.up_proj(read)
        return functional.silu(self.gate_proj(read)) * up if self.design.gated else gelu(up)


def gelu(values: Tensor) -> Tensor:
    """Compute GELU as llama.cpp does, by the hyperbolic tangent."""
    return functional.gelu(values, approximate="tanh")


def rotated(heads: Tensor, design: Design) -> Tensor:
    """Rotate the first numbers of each head by position (Su et al. 2021), `[..., positions, head]`."""
    count = design.turned // 2
    angles = torch.arange(heads.shape[2])[:, None] * BASE ** (-torch.arange(count) / count)
    turning, rest = heads[..., : design.turned], heads[..., design.turned :]
    first, second = (turning[..., ::2], turning[..., 1::2]) if design.by_pairs else turning.chunk(2, dim=-1)
    real, imaginary = (
        first * angles.cos() - second * angles.sin(),
        first * angles.sin() + second * angles.cos(),
    )
    if design.by_pairs:
        return torch.cat([torch.stack([real, imaginary], dim=-1).flatten(-2), rest], dim=-1)
    return torch.cat([real, imaginary, rest], dim=-1)


def bias_of(positions: int, *, slopes: bool) -> Tensor:
    """Return what is added to the scores: nothing from the future, and with ALiBi less the farther back."""
    behind = torch.arange(positions)[None, :] - torch.arange(positions)[:, None]
    steepness = 2.0 ** (-STEEPEST / HEADS * torch.arange(1, HEADS + 1)) if slopes else torch.zeros(HEADS)
    return torch.where(behind > 0, -torch.inf, steepness[:, None, None] * behind)
