"""Families that choose among experts, with one beside them that all tokens share."""

from typing import Any

import torch

from tests.server.llama_runtime.families.family import Family, Value, twin_of
from tests.server.llama_runtime.families.places import (
    NO_NEURONS,
    NO_SHARES,
    NOT_EVERYWHERE,
    mixture,
    normed_after,
    serial,
    without,
    without_neurons,
)
from tests.server.llama_runtime.families.sizes import (
    CHOICE,
    EXPERT_NEURONS,
    EXPERTS,
    HEAD,
    HEADS,
    LLAMA_LIKE,
    MIXTURE,
    NEURONS,
    OWN_KEYS,
    PLAIN,
    RMS,
    ROOT,
    USED,
)
from tests.server.llama_runtime.families.tensors import by_inputs, turned

ROUTED: dict[str, Any] = {
    "n_routed_experts": EXPERTS,
    "num_experts_per_tok": USED,
    "moe_intermediate_size": EXPERT_NEURONS,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
    "norm_topk_prob": True,
    "routed_scaling_factor": 1.5,
}
SIGMOID: dict[str, Value] = {
    "expert_shared_count": 1,
    "expert_gating_func": 2,
    "expert_weights_norm": True,
    "expert_weights_scale": 1.5,
}

SHARED = (
    Family(
        name="qwen2moe",
        architecture="qwen2moe",
        twin=twin_of(
            "Qwen2MoeForCausalLM", **LLAMA_LIKE, **ROOT, **CHOICE, shared_expert_intermediate_size=NEURONS
        ),
        sites=mixture(serial()),
        absent=NO_NEURONS,
        values=RMS | MIXTURE | {"expert_shared_feed_forward_length": NEURONS},
    ),
    Family(
        name="hunyuan-moe",
        architecture="hunyuan-moe",
        twin=twin_of(
            "HunYuanMoEV1ForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS},
            **ROOT,
            head_dim=HEAD,
            num_experts=EXPERTS,
            moe_topk=USED,
        ),
        sites=mixture(serial(), gate="gate.wg"),
        absent=NO_NEURONS,
        values=RMS
        | MIXTURE
        | {"feed_forward_length": EXPERT_NEURONS, "expert_shared_feed_forward_length": EXPERT_NEURONS},
    ),
    Family(
        name="ernie4.5-moe",
        architecture="ernie4_5-moe",
        twin=twin_of(
            "Ernie4_5_MoeForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            moe_num_experts=EXPERTS,
            moe_k=USED,
            moe_intermediate_size=EXPERT_NEURONS,
            moe_num_shared_experts=1,
            moe_layer_start_index=1,
            rope_parameters=PLAIN,
        ),
        sites=without_neurons(serial()),
        absent=NOT_EVERYWHERE,
        values=RMS
        | MIXTURE
        | {
            "expert_shared_count": 1,
            "expert_shared_feed_forward_length": EXPERT_NEURONS,
            "interleave_moe_layer_step": 1,
            "leading_dense_block_count": 1,
        },
    ),
    Family(
        name="dots1",
        architecture="dots1",
        twin=twin_of(
            "Dots1ForCausalLM",
            **LLAMA_LIKE | {"num_key_value_heads": HEADS},
            **ROOT,
            **ROUTED,
            head_dim=HEAD,
            first_k_dense_replace=0,
        ),
        sites=mixture(serial(), probability=torch.sigmoid),
        absent=NO_NEURONS,
        values=RMS | MIXTURE | OWN_KEYS | SIGMOID | {"leading_dense_block_count": 0},
    ),
    Family(
        name="glm4moe",
        architecture="glm4moe",
        twin=twin_of(
            "Glm4MoeForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            **ROUTED,
            head_dim=HEAD,
            first_k_dense_replace=1,
            use_qk_norm=True,
            attention_bias=True,
            partial_rotary_factor=0.5,
        ),
        sites=without_neurons(serial()),
        absent=NOT_EVERYWHERE,
        values=RMS | MIXTURE | SIGMOID | {"leading_dense_block_count": 1, "rope.dimension_count": HEAD // 2},
    ),
    Family(
        name="llama4",
        architecture="llama4",
        twin=twin_of(
            "Llama4ForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS, "num_hidden_layers": 4},
            **ROOT,
            intermediate_size_mlp=NEURONS,
            num_local_experts=EXPERTS,
            num_experts_per_tok=1,
            head_dim=HEAD,
            interleave_moe_layer_step=2,
            attn_temperature_tuning=False,
            rope_parameters=PLAIN,
        ),
        sites=without_neurons(serial(mlp="feed_forward")),
        absent=NOT_EVERYWHERE,
        values=RMS
        | MIXTURE
        | {
            "block_count": 4,
            "expert_used_count": 1,
            "interleave_moe_layer_step": 2,
            "attention.sliding_window": 8192,
        },
        changes={
            "experts.gate_up_proj$": by_inputs("experts.gate_proj", "experts.up_proj", by_turns=False),
            "experts.down_proj$": turned,
        },
    ),
    Family(
        name="llama4-all",
        architecture="llama4",
        twin=twin_of(
            "Llama4ForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS, "num_hidden_layers": 4},
            **ROOT,
            num_local_experts=EXPERTS,
            num_experts_per_tok=1,
            head_dim=HEAD,
            interleave_moe_layer_step=1,
            attn_temperature_tuning=False,
            rope_parameters=PLAIN,
        ),
        sites=without_neurons(serial(mlp="feed_forward")),
        absent=NO_NEURONS,
        values=RMS
        | MIXTURE
        | {
            "block_count": 4,
            "expert_used_count": 1,
            "interleave_moe_layer_step": 1,
            "attention.sliding_window": 8192,
        },
        changes={
            "experts.gate_up_proj$": by_inputs("experts.gate_proj", "experts.up_proj", by_turns=False),
            "experts.down_proj$": turned,
        },
    ),
    Family(
        name="afmoe",
        architecture="afmoe",
        twin=twin_of(
            "AfmoeForCausalLM",
            **LLAMA_LIKE | {"num_hidden_layers": 4},
            **ROOT,
            **CHOICE,
            head_dim=HEAD,
            num_dense_layers=0,
            num_shared_experts=1,
            route_scale=1.5,
            global_attn_every_n_layers=4,
            sliding_window=64,
            mup_enabled=True,
        ),
        sites=without(
            mixture(
                normed_after("pre_mlp_layernorm", "post_attention_layernorm", "post_mlp_layernorm"),
                gate="router",
                probability=torch.sigmoid,
            ),
            NO_SHARES,
        ),
        absent=NO_NEURONS | NO_SHARES,
        values=RMS
        | MIXTURE
        | SIGMOID
        | {"block_count": 4, "leading_dense_block_count": 0, "attention.sliding_window": 64},
        names={"expert_bias": "expert_bias.bias"},
    ),
    Family(
        name="exaone-moe",
        architecture="exaone-moe",
        twin=twin_of(
            "ExaoneMoeForCausalLM",
            **LLAMA_LIKE | {"num_hidden_layers": 4},
            **ROOT,
            **CHOICE,
            num_shared_experts=1,
            norm_topk_prob=True,
            routed_scaling_factor=1.5,
            sliding_window=64,
            sliding_window_pattern=4,
            mlp_layer_types=["sparse"] * 4,
            first_k_dense_replace=0,
        ),
        sites=mixture(serial(), probability=torch.sigmoid),
        absent=NO_NEURONS,
        values=RMS
        | MIXTURE
        | SIGMOID
        | {
            "block_count": 4,
            "leading_dense_block_count": 0,
            "attention.sliding_window": 64,
            "attention.sliding_window_pattern": [True, True, True, False],
        },
    ),
)
