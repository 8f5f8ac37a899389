"""The numbers of `config.json`, as GGUF names them."""

import math
from collections.abc import Mapping
from typing import Any

from gguf import GGUFWriter

from llmri_server.gguf_export.errors import ExportError

Config = Mapping[str, Any]

# What only some architectures have: soft caps, multipliers, experts.
OPTIONAL = {
    "attn_logit_softcapping": GGUFWriter.add_attn_logit_softcapping,
    "final_logit_softcapping": GGUFWriter.add_final_logit_softcapping,
    "attention_multiplier": GGUFWriter.add_attention_scale,
    "embedding_multiplier": GGUFWriter.add_embedding_scale,
    "residual_multiplier": GGUFWriter.add_residual_scale,
    "logits_scaling": GGUFWriter.add_logit_scale,
    "num_local_experts": GGUFWriter.add_expert_count,
    "num_experts_per_tok": GGUFWriter.add_expert_used_count,
}


def head_width(config: Config) -> int:
    """Return the width of one attention head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def key_value_heads(config: Config) -> int:
    """Return the number of heads that keys and values have."""
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def add_hyperparameters(writer: GGUFWriter, config: Config) -> None:
    """Write what llama.cpp must know to build the graph.

    Raises:
        ExportError: The positions are encoded in a way that this exporter does not know.
    """
    width = head_width(config)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(key_value_heads(config))
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(_rope(config).get("rope_theta", 10000.0))
    for key, add in OPTIONAL.items():
        if config.get(key) is not None:
            add(writer, config[key])
    _add_window(writer, config)


def _add_window(writer: GGUFWriter, config: Config) -> None:
    """Write how far attention looks back: only Gemma's graph is told, the others look all the way."""
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    if config["model_type"] == "gemma2":
        writer.add_sliding_window(window or config["max_position_embeddings"])
    elif window is not None and window < config["max_position_embeddings"]:
        raise ExportError(
            f"attention looks back {window} positions of {config['max_position_embeddings']}, "
            f"which llama.cpp's {config['model_type']} does not do"
        )


def rope_factors(config: Config) -> list[float] | None:
    """Return what Llama 3 divides the rotary frequencies by, `[head width / 2]`; None divides by nothing."""
    rope = _rope(config)
    if rope.get("rope_type", "default") == "default":
        return None
    width, base = head_width(config), rope.get("rope_theta", 10000.0)
    return [_llama3_factor(base ** (-index / width), rope) for index in range(0, width, 2)]


def _llama3_factor(frequency: float, rope: Config) -> float:
    """Slow down frequencies that turn seldom in the old context (Grattafiori et al. 2024)."""
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    turns = rope["original_max_position_embeddings"] * frequency / (2 * math.pi)
    share = min(max((turns - low) / (high - low), 0.0), 1.0)
    return float(1.0 / ((1.0 - share) / factor + share))


def _rope(config: Config) -> Config:
    rope: Config = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", "default")
    if kind not in ("default", "llama3"):
        raise ExportError(
            f"rotary embeddings of type `{kind}` cannot be exported; `default` and `llama3` can"
        )
    if rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)) != 1.0:
        raise ExportError("rotary embeddings of a part of each head cannot be exported")
    return {"rope_theta": config.get("rope_theta", 10000.0)} | dict(rope)
