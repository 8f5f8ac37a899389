"""Families that transformers has no class for."""

from tests.server.llama_runtime.families.chosen import Arctic
from tests.server.llama_runtime.families.family import GELU_TABLE, Family, Spot
from tests.server.llama_runtime.families.places import NO_MIDDLE, NO_NEURONS, ONLY_BLOCKS, parallel, serial
from tests.server.llama_runtime.families.plain import Design, plain
from tests.server.llama_runtime.families.rwkv import BLOCKS, HALVED_EVERY, RANK, Rwkv
from tests.server.llama_runtime.families.rwkv7 import HEAD as HEAD_OF_7
from tests.server.llama_runtime.families.rwkv7 import Rwkv7
from tests.server.llama_runtime.families.sizes import (
    EXPERT_NEURONS,
    HEAD,
    HEADS,
    LAYER_NORM,
    MIXTURE,
    NEURONS,
    OWN_KEYS,
    RMS,
)
from tests.server.llama_runtime.families.tensors import PAIRS, left_out

MANY = 40  # layers, by which llama.cpp tells Baichuan with ALiBi from that which rotates
TWO_MLPS = dict.fromkeys(
    ("resid_mid", "attn_out", "mlp_out"), "one MLP reads what attention leaves, and another what it reads"
)

UNLISTED = (
    Family(
        name="plamo",
        architecture="plamo",
        twin=plain(Design(parallel=True)),
        sites=parallel(),
        absent=NO_MIDDLE,
        values=RMS,
    ),
    Family(
        name="refact",
        architecture="refact",
        twin=plain(Design(turned=0, key_heads=1)),
        sites=serial(),
        values=RMS | {"attention.head_count_kv": 1},
    ),
    Family(
        name="baichuan-13b",
        architecture="baichuan",
        twin=plain(Design(turned=0, layers=MANY)),
        sites=serial(),
        values=RMS | {"block_count": MANY},
    ),
    Family(
        name="qwen",
        architecture="qwen",
        twin=plain(Design(key_heads=HEADS, one_matrix=True, key_bias=True)),
        sites=serial(),
        values=RMS | OWN_KEYS | {"feed_forward_length": 2 * NEURONS},
    ),
    Family(
        name="codeshell",
        architecture="codeshell",
        twin=plain(Design(layer_norm=True, one_matrix=True, key_bias=True, bias=True, gated=False)),
        sites=serial(),
        values=LAYER_NORM,
        tolerance=GELU_TABLE,
    ),
    Family(
        name="chatglm",
        architecture="chatglm",
        twin=plain(Design(turned=HEAD // 2, by_pairs=True, one_matrix=True, key_bias=True, fused=True)),
        sites=serial(),
        values=RMS | {"rope.dimension_count": HEAD // 2},
    ),
    Family(
        name="jais",
        architecture="jais",
        twin=plain(
            Design(
                turned=0,
                key_heads=HEADS,
                layer_norm=True,
                one_matrix=True,
                key_bias=True,
                bias=True,
                scale=1 / HEAD,
            )
        ),
        sites=serial(),
        values=LAYER_NORM | OWN_KEYS | {"attention.max_alibi_bias": 8.0},
    ),
    Family(
        name="openelm",
        architecture="openelm",
        twin=plain(Design(head_norms=True, one_matrix=True, tied=True)),
        sites=serial(),
        values=RMS,
        changes={"lm_head": left_out},
    ),
    Family(
        name="arctic",
        architecture="arctic",
        twin=plain(Design(), Arctic),
        sites={"z": Spot("self_attn.o_proj", "in")},
        absent=NO_NEURONS | TWO_MLPS,
        values=RMS | MIXTURE | {"feed_forward_length": EXPERT_NEURONS},
        changes=PAIRS,
        names={
            r"model\.layers\.(\d+)\.residual_layernorm": r"blk.\1.ffn_norm",
            r"model\.layers\.(\d+)\.post_attention_layernorm": r"blk.\1.ffn_norm_exps",
            r"model\.layers\.(\d+)\.residual_mlp\.(gate|up|down)_proj": r"blk.\1.ffn_\2",
            r"model\.layers\.(\d+)\.block_sparse_moe\.experts\.(gate|up|down)_proj": r"blk.\1.ffn_\2_exps",
        },
    ),
    Family(
        name="rwkv6",
        architecture="rwkv6",
        twin=Rwkv,
        sites={},
        absent=ONLY_BLOCKS,
        values=LAYER_NORM
        | {
            "block_count": BLOCKS,
            "attention.head_count": 0,
            "attention.head_count_kv": None,
            "rescale_every_n_layers": HALVED_EVERY,
            "wkv.head_size": HEAD,
            "time_mix_extra_dim": RANK,
            "time_decay_extra_dim": RANK,
        },
    ),
    Family(
        name="rwkv7",
        architecture="rwkv7",
        twin=Rwkv7,
        sites={},
        absent=ONLY_BLOCKS,
        values=LAYER_NORM
        | {
            "attention.head_count": 0,
            "attention.head_count_kv": None,
            "wkv.head_size": HEAD_OF_7,
            "attention.decay_lora_rank": RANK,
            "attention.iclr_lora_rank": RANK,
            "attention.value_residual_mix_lora_rank": RANK,
            "attention.gate_lora_rank": RANK,
        },
    ),
)
