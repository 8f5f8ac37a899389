"""Families with attention in some of their blocks and a state in others, or both in each."""

import torch
from torch import Tensor

from tests.server.llama_runtime.families.family import Family, Value, twin_of
from tests.server.llama_runtime.families.places import (
    NO_ATTENTION,
    NO_NEURONS,
    NO_SHARES,
    NOT_EVERYWHERE,
    ONE_BRANCH,
    mixture,
    serial,
    without,
)
from tests.server.llama_runtime.families.recurrent import (
    BIAS,
    GROUPS,
    INNER,
    KERNEL,
    MAMBA2,
    OF_MAMBA2,
    RANK,
    SSM,
    STATE,
)
from tests.server.llama_runtime.families.sizes import (
    EXPERT_NEURONS,
    EXPERTS,
    HEAD,
    HEADS,
    KEY_HEADS,
    LLAMA_LIKE,
    MIXTURE,
    NEURONS,
    PLAIN,
    RMS,
    ROOT,
    USED,
    VOCABULARY,
)
from tests.server.llama_runtime.families.tensors import halves, negative_exponential, plus_one, squeezed

BOTH_AT_ONCE = {"attn_out": "it is added to the stream together with the state's output"}
LAYER_NORM_KEY: dict[str, Value] = {"attention.layer_norm_epsilon": 1e-6}


def with_gates_apart(tensor: Tensor) -> dict[str, Tensor]:
    """Put all queries, keys and values of linear attention together, and its gates alone.

    They are kept by groups: a query, a key, two values and two gates each.
    """
    grouped = tensor.reshape(GROUPS, 6, HEAD, -1)
    parts = (grouped[:, :1], grouped[:, 1:2], grouped[:, 2:4])
    together = torch.cat([part.reshape(-1, tensor.shape[1]) for part in parts])
    return {"attn_qkv": together, "attn_gate": grouped[:, 4:].reshape(-1, tensor.shape[1])}


HYBRIDS = (
    Family(
        name="lfm2",
        architecture="lfm2",
        twin=twin_of(
            "Lfm2ForCausalLM",
            **LLAMA_LIKE,
            norm_eps=1e-6,
            block_auto_adjust_ff_dim=False,
            rope_parameters=PLAIN,
            layer_types=["conv", "full_attention", "conv"],
        ),
        sites=without(serial(middle="ffn_norm", mlp="feed_forward", down="w2"), NO_ATTENTION),
        absent=NO_ATTENTION,
        values=RMS | {"shortconv.l_cache": 3, "attention.head_count_kv": [0, KEY_HEADS, 0]},
        changes={r"conv\.conv\.weight": squeezed},
    ),
    Family(
        name="jamba",
        architecture="jamba",
        twin=twin_of(
            "JambaForCausalLM",
            **LLAMA_LIKE | {"num_hidden_layers": 4},
            num_experts=EXPERTS,
            num_experts_per_tok=USED,
            expert_layer_period=2,
            expert_layer_offset=1,
            attn_layer_period=4,
            attn_layer_offset=2,
            mamba_d_state=STATE,
            mamba_dt_rank=RANK,
            use_mamba_kernels=False,
        ),
        sites=without(serial(middle="pre_ff_layernorm", mlp="feed_forward"), NO_ATTENTION | NOT_EVERYWHERE),
        absent=NO_ATTENTION | NOT_EVERYWHERE,
        values=RMS
        | SSM
        | {
            "block_count": 4,
            "attention.head_count_kv": [0, 0, KEY_HEADS, 0],
            "expert_count": EXPERTS,
            "expert_used_count": USED,
        },
        changes={"A_log": negative_exponential, r"conv1d\.weight": squeezed},
        names={r"feed_forward\.experts": "mlp.experts"},
    ),
    Family(
        name="lfm2moe",
        architecture="lfm2moe",
        twin=twin_of(
            "Lfm2MoeForCausalLM",
            **LLAMA_LIKE,
            norm_eps=1e-6,
            num_experts=EXPERTS,
            num_experts_per_tok=USED,
            moe_intermediate_size=EXPERT_NEURONS,
            num_dense_layers=1,
            layer_types=["conv", "full_attention", "conv"],
            rope_parameters=PLAIN,
        ),
        sites=without(
            serial(middle="ffn_norm", mlp="feed_forward", down="w2"), NO_ATTENTION | NOT_EVERYWHERE
        ),
        absent=NO_ATTENTION | NOT_EVERYWHERE,
        values=RMS
        | MIXTURE
        | {
            "shortconv.l_cache": 3,
            "attention.head_count_kv": [0, KEY_HEADS, 0],
            "leading_dense_block_count": 1,
            "expert_gating_func": 2,
            "vocab_size": VOCABULARY,
        },
        changes={r"conv\.conv\.weight": squeezed},
        names={"expert_bias": "expert_bias.bias", r"model\.(layers\.\d+\.feed_forward\.experts)": r"\1"},
    ),
    Family(
        name="granite-hybrid",
        architecture="granitehybrid",
        twin=twin_of(
            "GraniteMoeHybridForCausalLM",
            **LLAMA_LIKE | {"intermediate_size": EXPERT_NEURONS},
            **ROOT,
            num_local_experts=EXPERTS,
            num_experts_per_tok=USED,
            shared_intermediate_size=NEURONS,
            layer_types=["mamba", "attention", "mamba"],
            residual_multiplier=0.3,
            embedding_multiplier=3.0,
            logits_scaling=2.0,
            attention_multiplier=0.25,
            mamba_n_heads=INNER // HEAD,
            mamba_d_head=HEAD,
            mamba_n_groups=GROUPS,
            mamba_d_state=STATE,
        ),
        sites=without(
            mixture(serial(), "block_sparse_moe", "router"), NO_ATTENTION | NO_SHARES | {"mlp_out": "below"}
        ),
        differences={"mlp_out": ("resid_post", "resid_mid")},  # no module has the experts and the shared one
        absent=NO_ATTENTION | NO_NEURONS | NO_SHARES,
        values=RMS
        | MIXTURE
        | MAMBA2
        | {
            "feed_forward_length": EXPERT_NEURONS,
            "expert_shared_feed_forward_length": NEURONS,
            "attention.head_count_kv": [0, KEY_HEADS, 0],
            "rope.scaling.finetuned": False,
            "residual_scale": 0.3,
            "embedding_scale": 3.0,
            "logit_scale": 2.0,
            "attention.scale": 0.25,
        },
        changes=OF_MAMBA2
        | {
            r"block_sparse_moe\.input_linear\.weight": halves("ffn_gate_exps.weight", "ffn_up_exps.weight"),
            r"shared_mlp\.input_linear\.weight": halves("ffn_gate_shexp.weight", "ffn_up_shexp.weight"),
        },
        names=BIAS
        | {
            r"model\.layers\.(\d+)\.(ffn_\w+\.weight)": r"blk.\1.\2",
            r"model\.layers\.(\d+)\.block_sparse_moe\.output_linear": r"blk.\1.ffn_down_exps",
            r"model\.layers\.(\d+)\.shared_mlp\.output_linear": r"blk.\1.ffn_down_shexp",
        },
    ),
    Family(
        name="nemotron-h",
        architecture="nemotron_h",
        twin=twin_of(
            "NemotronHForCausalLM",
            **{key: value for key, value in LLAMA_LIKE.items() if key != "num_hidden_layers"},
            layers_block_type=["linear_attention", "full_attention", "mlp"],
            head_dim=HEAD,
            ssm_state_size=STATE,
            mamba_num_heads=INNER // HEAD,
            mamba_head_dim=HEAD,
            n_groups=GROUPS,
            layer_norm_epsilon=1e-6,
            time_step_min=1e-12,  # llama.cpp has no least step
        ),
        sites={},
        absent=ONE_BRANCH,
        values=LAYER_NORM_KEY
        | RMS
        | MAMBA2
        | {
            "attention.head_count_kv": [0, KEY_HEADS, 0],
            "feed_forward_length": [0, 0, NEURONS],
            "attention.key_length": HEAD,
            "attention.value_length": HEAD,
        },
        changes=OF_MAMBA2,
        names=BIAS | {r"model\.layers": "backbone.layers"},
    ),
    Family(
        name="falcon-h1",
        architecture="falcon-h1",
        twin=twin_of(
            "FalconH1ForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            head_dim=HEAD,
            mamba_d_ssm=INNER,
            mamba_n_heads=INNER // HEAD,
            mamba_d_head=HEAD,
            mamba_n_groups=GROUPS,
            mamba_d_state=STATE,
            rope_parameters=PLAIN,
        ),
        sites=without(serial(middle="pre_ff_layernorm", mlp="feed_forward"), BOTH_AT_ONCE),
        absent=BOTH_AT_ONCE,
        values=RMS | MAMBA2,
        changes=OF_MAMBA2,
        names=BIAS,
    ),
    Family(
        name="qwen3next",
        architecture="qwen3next",
        twin=twin_of(
            "Qwen3NextForCausalLM",
            **LLAMA_LIKE | {"num_hidden_layers": 4},
            **ROOT,
            head_dim=HEAD,
            linear_conv_kernel_dim=KERNEL,
            linear_key_head_dim=HEAD,
            linear_value_head_dim=HEAD,
            linear_num_key_heads=GROUPS,
            linear_num_value_heads=HEADS,
            num_experts=EXPERTS,
            num_experts_per_tok=USED,
            moe_intermediate_size=EXPERT_NEURONS,
            shared_expert_intermediate_size=NEURONS,
            norm_topk_prob=True,
            rope_parameters=PLAIN | {"partial_rotary_factor": 0.5},
        ),
        sites=without(mixture(serial()), NO_ATTENTION),
        absent=NO_ATTENTION | NO_NEURONS,
        values=RMS
        | MIXTURE
        | {
            "block_count": 4,
            "expert_shared_feed_forward_length": NEURONS,
            "attention.key_length": HEAD,
            "attention.value_length": HEAD,
            "rope.dimension_count": HEAD // 2,
            "full_attention_interval": 4,
            "ssm.conv_kernel": KERNEL,
            "ssm.state_size": HEAD,
            "ssm.group_count": GROUPS,
            "ssm.time_step_rank": HEADS,
            "ssm.inner_size": HEADS * HEAD,
        },
        changes={
            "A_log": negative_exponential,
            r"conv1d\.weight": squeezed,
            r"in_proj_qkvz": with_gates_apart,
            r"(?<!linear_attn\.)norm\.weight": plus_one,
        },
        names=BIAS | {r"model\.layers\.(\d+)\.linear_attn\.(attn_\w+\.weight)": r"blk.\1.\2"},
    ),
)
