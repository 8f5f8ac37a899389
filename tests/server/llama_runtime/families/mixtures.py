"""Families that choose among experts."""

import torch

from tests.server.llama_runtime.families.family import Family, twin_of
from tests.server.llama_runtime.families.places import (
    NO_NEURONS,
    NO_PROBABILITIES,
    NO_SHARES,
    mixture,
    serial,
    without,
)
from tests.server.llama_runtime.families.sizes import (
    CHOICE,
    CONTEXT,
    EXPERT_NEURONS,
    EXPERTS,
    HEAD,
    HEADS,
    KEY_HEADS,
    LAYER_NORM,
    LAYERS,
    LLAMA_LIKE,
    MIXTURE,
    OWN_KEYS,
    PLAIN,
    RMS,
    ROOT,
    USED,
    VOCABULARY,
    WIDTH,
)
from tests.server.llama_runtime.families.tensors import PAIRS, by_inputs, halves, turned

MIXTURES = (
    Family(
        name="qwen3moe",
        architecture="qwen3moe",
        twin=twin_of(
            "Qwen3MoeForCausalLM", **LLAMA_LIKE, **ROOT, **CHOICE, head_dim=HEAD, norm_topk_prob=True
        ),
        sites=mixture(serial()),
        absent=NO_NEURONS,
        values=RMS | MIXTURE,
    ),
    Family(
        name="olmoe",
        architecture="olmoe",
        twin=twin_of(
            "OlmoeForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS, "num_key_value_heads": HEADS},
            **ROOT,
            num_experts=EXPERTS,
            num_experts_per_tok=USED,
        ),
        sites=mixture(serial()),
        absent=NO_NEURONS,
        values=RMS | MIXTURE | OWN_KEYS | {"feed_forward_length": EXPERT_NEURONS},
    ),
    Family(
        name="granitemoe",
        architecture="granitemoe",
        twin=twin_of(
            "GraniteMoeForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS},
            **ROOT,
            num_local_experts=EXPERTS,
            num_experts_per_tok=USED,
            residual_multiplier=0.3,
            embedding_multiplier=3.0,
            logits_scaling=2.0,
            attention_multiplier=0.25,
        ),
        sites=without(
            mixture(serial(mlp="block_sparse_moe", factor=0.3), "block_sparse_moe", "router"), NO_SHARES
        ),
        absent=NO_NEURONS | NO_SHARES,
        values=RMS
        | MIXTURE
        | {
            "feed_forward_length": EXPERT_NEURONS,
            "residual_scale": 0.3,
            "embedding_scale": 3.0,
            "logit_scale": 2.0,
            "attention.scale": 0.25,
        },
        changes=PAIRS | {r"input_linear\.weight": halves("ffn_gate_exps.weight", "ffn_up_exps.weight")},
        names={
            r"model\.layers\.(\d+)\.block_sparse_moe\.(ffn_\w+_exps\.weight)": r"blk.\1.\2",
            r"model\.layers\.(\d+)\.block_sparse_moe\.output_linear": r"blk.\1.ffn_down_exps",
        },
    ),
    Family(
        name="dbrx",
        architecture="dbrx",
        twin=twin_of(
            "DbrxForCausalLM",
            d_model=WIDTH,
            n_heads=HEADS,
            n_layers=LAYERS,
            max_seq_len=CONTEXT,
            vocab_size=VOCABULARY,
            attn_config={"clip_qkv": 1.0, "kv_n_heads": KEY_HEADS, "rope_theta": 10000.0},
            ffn_config={
                "hidden_size": WIDTH,
                "ffn_hidden_size": EXPERT_NEURONS,
                "moe_num_experts": EXPERTS,
                "moe_top_k": USED,
                "moe_normalize_expert_weights": 1.0,
            },
        ),
        sites=mixture(
            serial("norm_attn_norm.attn", "out_proj", "norm_attn_norm.norm_2", "ffn"), "ffn", "router.layer"
        ),
        absent=NO_NEURONS,
        values=LAYER_NORM | MIXTURE | {"feed_forward_length": EXPERT_NEURONS, "attention.clamp_kqv": 1.0},
        changes={
            r"mlp\.(w1|v1)": lambda tensor: tensor.reshape(EXPERTS, EXPERT_NEURONS, WIDTH),
            r"mlp\.w2": lambda tensor: tensor.reshape(EXPERTS, EXPERT_NEURONS, WIDTH).transpose(1, 2),
        },
    ),
    Family(
        name="minimax-m2",
        architecture="minimax-m2",
        twin=twin_of(
            "MiniMaxM2ForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS},
            **ROOT,
            num_local_experts=EXPERTS,
            num_experts_per_tok=USED,
            head_dim=HEAD,
            rope_parameters=PLAIN | {"partial_rotary_factor": 0.5},
        ),
        sites=mixture(serial(), probability=torch.sigmoid),
        absent=NO_NEURONS,
        values=RMS
        | MIXTURE
        | {"feed_forward_length": EXPERT_NEURONS, "expert_gating_func": 2, "rope.dimension_count": HEAD // 2},
    ),
    Family(
        name="gpt-oss",
        architecture="gpt-oss",
        twin=twin_of(
            "GptOssForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS},
            rms_norm_eps=1e-6,
            num_local_experts=EXPERTS,
            num_experts_per_tok=USED,
            head_dim=HEAD,
            sliding_window=64,
            rope_parameters=PLAIN,
        ),
        sites=without(mixture(serial(), gate="router"), NO_PROBABILITIES),
        absent=NO_NEURONS | NO_PROBABILITIES,
        values=RMS | MIXTURE | {"feed_forward_length": EXPERT_NEURONS, "attention.sliding_window": 64},
        changes={
            "gate_up_proj$": by_inputs("gate_proj", "up_proj", by_turns=True),
            "gate_up_proj_bias$": lambda bias: {
                "gate_proj.bias": bias[:, ::2],
                "up_proj.bias": bias[:, 1::2],
            },
            "down_proj$": turned,
            "down_proj_bias$": lambda bias: {"down_proj.bias": bias},
        },
    ),
)
