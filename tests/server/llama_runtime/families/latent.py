"""Families whose keys and values are made of a few numbers each: DeepSeek's latent attention."""

from typing import Any

import torch
from torch import Tensor

from tests.server.llama_runtime.families.family import Family, Value, twin_of
from tests.server.llama_runtime.families.places import (
    NO_NEURONS,
    NOT_EVERYWHERE,
    mixture,
    serial,
    without_neurons,
)
from tests.server.llama_runtime.families.sizes import (
    EXPERT_NEURONS,
    EXPERTS,
    HEADS,
    LAYERS,
    MIXTURE,
    MODEL,
    NEURONS,
    RMS,
    USED,
    VOCABULARY,
)

QUERIES, KEYS, PLAIN, TURNED, VALUES = 32, 24, 16, 8, 12  # ranks; a head's parts without and with positions

DENSE: dict[str, Any] = MODEL | {
    "intermediate_size": NEURONS,
    "num_key_value_heads": HEADS,
    "rms_norm_eps": 1e-6,
    "q_lora_rank": QUERIES,
    "kv_lora_rank": KEYS,
    "qk_nope_head_dim": PLAIN,
    "qk_rope_head_dim": TURNED,
    "v_head_dim": VALUES,
}
LATENT: dict[str, Any] = DENSE | {
    "n_routed_experts": EXPERTS,
    "num_experts_per_tok": USED,
    "moe_intermediate_size": EXPERT_NEURONS,
    "n_shared_experts": 2,
    "n_group": 1,
    "topk_group": 1,
    "routed_scaling_factor": 1.5,
}
FILE: dict[str, Value] = (
    RMS
    | MIXTURE
    | {
        "attention.head_count_kv": 1,
        "attention.q_lora_rank": QUERIES,
        "attention.kv_lora_rank": KEYS,
        "attention.key_length": KEYS + TURNED,
        "attention.value_length": KEYS,
        "attention.key_length_mla": PLAIN + TURNED,
        "attention.value_length_mla": VALUES,
        "rope.dimension_count": TURNED,
        "vocab_size": VOCABULARY,
        "expert_shared_count": 2,
        "expert_weights_scale": 1.5,
    }
)


def apart_by_head(tensor: Tensor) -> dict[str, Tensor]:
    """Take what makes keys and values of the latent numbers apart, a matrix a head; the keys' is turned."""
    heads = tensor.reshape(HEADS, PLAIN + VALUES, KEYS)
    return {"k_b_proj": heads[:, :PLAIN].transpose(1, 2), "v_b_proj": heads[:, PLAIN:]}


LATENTS = (
    Family(
        name="deepseek2",
        architecture="deepseek2",
        twin=twin_of("DeepseekV2ForCausalLM", **LATENT, first_k_dense_replace=1, topk_method="greedy"),
        sites=without_neurons(serial()),
        absent=NOT_EVERYWHERE,
        values=FILE | {"leading_dense_block_count": 1},
        changes={"kv_b_proj": apart_by_head},
    ),
    Family(
        name="deepseek3",
        architecture="deepseek2",
        twin=twin_of("DeepseekV3ForCausalLM", **LATENT, first_k_dense_replace=0, norm_topk_prob=True),
        sites=mixture(serial(), probability=torch.sigmoid),
        absent=NO_NEURONS,
        values=FILE | {"leading_dense_block_count": 0, "expert_gating_func": 2, "expert_weights_norm": True},
        changes={"kv_b_proj": apart_by_head},
    ),
    Family(
        name="minicpm3",
        architecture="minicpm3",
        twin=twin_of(
            "MiniCPM3ForCausalLM",
            **DENSE,
            head_dim=TURNED,
        ),
        sites=serial(factor=1.4 / LAYERS**0.5),
        values=RMS
        | {
            "attention.head_count_kv": HEADS,
            "attention.q_lora_rank": QUERIES,
            "attention.kv_lora_rank": KEYS,
            "attention.key_length": PLAIN + TURNED,
            "attention.value_length": VALUES,
            "rope.dimension_count": TURNED,
        },
    ),
)
