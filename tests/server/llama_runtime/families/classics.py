"""Families with a LayerNorm, most of them from before Llama."""

from typing import Any

from torch import nn
from transformers import PreTrainedModel

from tests.server.llama_runtime.families.family import GELU_TABLE, Family, Spot, twin_of
from tests.server.llama_runtime.families.places import NO_MIDDLE, parallel, serial
from tests.server.llama_runtime.families.sizes import (
    CONTEXT,
    HEAD,
    HEADS,
    KEY_HEADS,
    LAYER_NORM,
    LAYERS,
    LLAMA_LIKE,
    MODEL,
    NEURONS,
    OWN_KEYS,
    PLAIN,
    VOCABULARY,
    WIDTH,
)
from tests.server.llama_runtime.families.tensors import PAIRS, apart, by_head, plus_one, turned
from tests.server.llama_runtime.families.twins import blocks_of

GPT: dict[str, Any] = {
    "n_embd": WIDTH,
    "n_layer": LAYERS,
    "n_head": HEADS,
    "n_inner": NEURONS,
    "vocab_size": VOCABULARY,
    "n_positions": CONTEXT,
}
GELU = "gelu_pytorch_tanh"  # llama.cpp computes this one where a model says `gelu`
OF_GPT = serial("attn", "c_proj", "ln_2", "mlp", "c_proj")
OF_NEOX = ("attention", "dense", "mlp", "dense_4h_to_h")

FALCON: dict[str, Any] = MODEL | {
    "ffn_hidden_size": NEURONS,
    "activation": GELU,
    "tie_word_embeddings": False,
}
OF_FALCON = ("self_attention", "dense", "mlp", "dense_4h_to_h")


def mpt() -> PreTrainedModel:
    """Make MPT as llama.cpp computes it: GELU by the hyperbolic tangent."""
    model = twin_of(
        "MptForCausalLM",
        d_model=WIDTH,
        n_heads=HEADS,
        n_layers=LAYERS,
        max_seq_len=CONTEXT,
        vocab_size=VOCABULARY,
        attn_config={"clip_qkv": 1.0},
    )()
    for block in blocks_of(model):
        block.get_submodule("ffn").act = nn.GELU("tanh")
    return model


CLASSICS = (
    Family(
        name="gpt2",
        architecture="gpt2",
        twin=twin_of("GPT2LMHeadModel", **GPT, tie_word_embeddings=False),
        sites=OF_GPT,
        values=LAYER_NORM | OWN_KEYS,
        changes={r"(c_attn|c_proj|c_fc)\.weight": turned},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="starcoder",
        architecture="starcoder",
        twin=twin_of("GPTBigCodeForCausalLM", **GPT, tie_word_embeddings=False),
        sites=OF_GPT,
        values=LAYER_NORM | {"attention.head_count_kv": 1},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="starcoder2",
        architecture="starcoder2",
        twin=twin_of("Starcoder2ForCausalLM", **LLAMA_LIKE, sliding_window=None, hidden_act=GELU),
        sites=serial(down="c_proj"),
        values=LAYER_NORM,
        tolerance=GELU_TABLE,
    ),
    Family(
        name="gptneox",
        architecture="gptneox",
        twin=twin_of(
            "GPTNeoXForCausalLM",
            **MODEL,
            intermediate_size=NEURONS,
            hidden_act=GELU,
            rotary_pct=0.25,
            use_parallel_residual=True,
        ),
        sites=parallel(*OF_NEOX),
        absent=NO_MIDDLE,
        values=LAYER_NORM | OWN_KEYS | {"use_parallel_residual": True, "rope.dimension_count": HEAD // 4},
        changes={"query_key_value": by_head(HEADS)},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="gptneox-serial",
        architecture="gptneox",
        twin=twin_of(
            "GPTNeoXForCausalLM",
            **MODEL,
            intermediate_size=NEURONS,
            hidden_act=GELU,
            rotary_pct=0.5,
            use_parallel_residual=False,
        ),
        sites=serial("attention", "dense", "post_attention_layernorm", "mlp", "dense_4h_to_h"),
        values=LAYER_NORM | OWN_KEYS | {"use_parallel_residual": False, "rope.dimension_count": HEAD // 2},
        changes={"query_key_value": by_head(HEADS)},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="bloom",
        architecture="bloom",
        twin=twin_of(
            "BloomForCausalLM",
            hidden_size=WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            vocab_size=VOCABULARY,
            tie_word_embeddings=False,
        ),
        sites=serial("self_attention", "dense", "post_attention_layernorm", "mlp", "dense_4h_to_h")
        | {  # the modules around them add the residual stream
            "attn_out": Spot("self_attention.dense", "out"),
            "mlp_out": Spot("mlp.dense_4h_to_h", "out"),
        },
        values=LAYER_NORM | OWN_KEYS | {"feed_forward_length": 4 * WIDTH},
        changes={"query_key_value": by_head(HEADS)},
        names={r"transformer\.(.*)": r"\1"},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="mpt",
        architecture="mpt",
        twin=mpt,
        sites=serial("attn", "out_proj", "norm_2", "ffn", "down_proj")
        | {"mlp_out": Spot("ffn.down_proj", "out")},
        values=LAYER_NORM
        | OWN_KEYS
        | {"feed_forward_length": 4 * WIDTH, "attention.max_alibi_bias": 8.0, "attention.clamp_kqv": 1.0},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="falcon",
        architecture="falcon",
        twin=twin_of("FalconForCausalLM", **FALCON, new_decoder_architecture=False),
        sites=parallel(*OF_FALCON),
        absent=NO_MIDDLE,
        values=LAYER_NORM | {"attention.head_count_kv": 1},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="falcon-40b",
        architecture="falcon",
        twin=twin_of("FalconForCausalLM", **FALCON, new_decoder_architecture=True, num_kv_heads=KEY_HEADS),
        sites=parallel(*OF_FALCON),
        absent=NO_MIDDLE,
        values=LAYER_NORM,
        changes={"query_key_value": apart(KEY_HEADS, HEADS)},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="phi2",
        architecture="phi2",
        twin=twin_of(
            "PhiForCausalLM", **MODEL, intermediate_size=NEURONS, hidden_act=GELU, partial_rotary_factor=0.5
        ),
        sites=parallel("self_attn", "dense", "mlp", "fc2"),
        absent=NO_MIDDLE,
        values=LAYER_NORM | OWN_KEYS | {"rope.dimension_count": HEAD // 2},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="stablelm",
        architecture="stablelm",
        twin=twin_of("StableLmForCausalLM", **LLAMA_LIKE, partial_rotary_factor=0.5, use_qkv_bias=True),
        sites=serial(),
        values=LAYER_NORM | {"rope.dimension_count": HEAD // 2, "use_parallel_residual": False},
    ),
    Family(
        name="stablelm-parallel",
        architecture="stablelm",
        twin=twin_of("StableLmForCausalLM", **LLAMA_LIKE, qk_layernorm=True, use_parallel_residual=True),
        sites=parallel(),
        absent=NO_MIDDLE,
        values=LAYER_NORM | {"rope.dimension_count": HEAD // 4, "use_parallel_residual": True},
        names={r"([qk])_layernorm\.norms": r"\1_layernorm"},
    ),
    Family(
        name="orion",
        architecture="orion",
        twin=twin_of("StableLmForCausalLM", **LLAMA_LIKE, partial_rotary_factor=1.0),
        sites=serial(),
        values=LAYER_NORM,
    ),
    Family(
        name="olmo",
        architecture="olmo",
        twin=twin_of("OlmoForCausalLM", **LLAMA_LIKE, clip_qkv=1.0),
        sites=serial(),
        values=LAYER_NORM | {"attention.clamp_kqv": 1.0},
        changes=PAIRS,
    ),
    Family(
        name="jais2",
        architecture="jais2",
        twin=twin_of("Jais2ForCausalLM", **LLAMA_LIKE),
        sites=serial(),
        values=LAYER_NORM,
    ),
    Family(
        name="nemotron",
        architecture="nemotron",
        twin=twin_of("NemotronForCausalLM", **LLAMA_LIKE, partial_rotary_factor=0.5, norm_eps=1e-5),
        sites=serial(),
        values=LAYER_NORM | {"rope.dimension_count": HEAD // 2},
        changes={r"norm\.weight": plus_one},
    ),
    Family(
        name="cohere2",
        architecture="cohere2",
        twin=twin_of(
            "Cohere2ForCausalLM",
            **LLAMA_LIKE | {"num_hidden_layers": 4},
            logit_scale=0.25,
            sliding_window=64,
            rope_parameters=PLAIN,
        ),
        sites=parallel(),
        absent=NO_MIDDLE,
        values=LAYER_NORM
        | {"block_count": 4, "logit_scale": 0.25, "attention.sliding_window": 64, "vocab_size": VOCABULARY},
    ),
    Family(
        name="command-r",
        architecture="command-r",
        twin=twin_of("CohereForCausalLM", **LLAMA_LIKE, logit_scale=0.25, rope_parameters=PLAIN),
        sites=parallel(),
        absent=NO_MIDDLE,
        values=LAYER_NORM | {"logit_scale": 0.25},
    ),
)
