"""One name for a tensor, whichever of its names a checkpoint uses: llama.cpp's, an expert by its number.

`model.layers.3.self_attn.q_proj.weight` and `blk.3.attn_q.weight` are the same tensor.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

PREFIXES = (
    "base_model.model.",
    "language_model.",
    "model.language_model.",
    "model.decoder.",
    "transformer.",
    "gpt_neox.",
    "model.",
)
TOP = {
    "embed_tokens": "token_embd",
    "embed_in": "token_embd",
    "wte": "token_embd",
    "wpe": "position_embd",
    "norm": "output_norm",
    "ln_f": "output_norm",
    "final_layer_norm": "output_norm",
    "lm_head": "output",
    "embed_out": "output",
}
BLOCK = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.out_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.gate": "ffn_gate_inp",
    "mlp.router": "ffn_gate_inp",
    "block_sparse_moe.gate": "ffn_gate_inp",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
}
CONV1D = frozenset({"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"})  # stored inputs first (GPT-2)
EXPERT_PARTS = {"w1": "gate", "w3": "up", "w2": "down"} | {
    f"{part}_proj": part for part in ("gate", "up", "down")
}
_LAYER = re.compile(r"(?:layers|h|blocks)\.(\d+)\.(.+)")
_EXPERT = re.compile(r"(?:block_sparse_moe|mlp|feed_forward)\.experts\.(\d+)\.(\w+)")
_SHARED = re.compile(r"mlp\.shared_experts?\.(gate|up|down)_proj")
_ENDING = re.compile(r"(.+?)\.(weight|bias)")
SANDWICH = re.compile(r"\.pre_feedforward_layernorm\.")  # a norm after attention too, as Gemma 2 has it


@dataclass(frozen=True)
class Canonical:
    """What a tensor is called everywhere.

    Attributes:
        name: llama.cpp's name of it.
        transposed: Whether it is stored inputs first.
    """

    name: str
    transposed: bool = False


def canonical(name: str, *, sandwich: bool = False) -> Canonical:
    """Return what a tensor is called everywhere; one that is not in the tables keeps its own name.

    Args:
        name: As a checkpoint has it.
        sandwich: Whether the model has norms before and after each part, as `has_sandwich` tells.
    """
    match = _ENDING.fullmatch(_without_prefixes(name))
    stem, ending = (match[1], f".{match[2]}") if match else (_without_prefixes(name), "")
    if stem in TOP:
        return Canonical(TOP[stem] + ending)
    layer = _LAYER.fullmatch(stem)
    if layer is None:
        return Canonical(stem + ending)
    part = _block_part(layer[2], sandwich=sandwich)
    transposed = layer[2] in CONV1D and ending == ".weight"
    return Canonical(f"blk.{layer[1]}.{part}{ending}", transposed)


def has_sandwich(names: Iterable[str]) -> bool:
    """Return whether a model of such names has norms before and after each part."""
    return any(SANDWICH.search(name) for name in names)


def _without_prefixes(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _block_part(part: str, *, sandwich: bool) -> str:
    expert, shared = _EXPERT.fullmatch(part), _SHARED.fullmatch(part)
    if expert and expert[2] in EXPERT_PARTS:
        return f"ffn_{EXPERT_PARTS[expert[2]]}.{expert[1]}"
    if shared:
        return f"ffn_{shared[1]}_shexp"
    if sandwich and part == "post_attention_layernorm":
        return "post_attention_norm"
    return BLOCK.get(part, part)
