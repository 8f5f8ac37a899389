"""Families with a norm after each branch, before it is added to the residual stream."""

from tests.server.llama_runtime.families.family import GELU_TABLE, Family, twin_of
from tests.server.llama_runtime.families.places import normed_after, serial
from tests.server.llama_runtime.families.sizes import HEAD, LAYERS, LLAMA_LIKE, PLAIN, RMS, ROOT
from tests.server.llama_runtime.families.tensors import plus_one

ONLY_AFTER = normed_after("mlp", "post_attention_layernorm", "post_feedforward_layernorm")
FOUR = {"num_hidden_layers": 4}  # every fourth
SIX = {"num_hidden_layers": 6}  # every sixth sees all positions

NORMED = (
    Family(
        name="gemma3",
        architecture="gemma3",
        twin=twin_of(
            "Gemma3ForCausalLM",
            **LLAMA_LIKE | SIX,
            **ROOT,
            head_dim=HEAD,
            query_pre_attn_scalar=HEAD,
            sliding_window=64,
        ),
        sites=normed_after(
            "pre_feedforward_layernorm", "post_attention_layernorm", "post_feedforward_layernorm"
        ),
        values=RMS
        | {
            "block_count": 6,
            "attention.key_length": HEAD,
            "attention.value_length": HEAD,
            "attention.sliding_window": 64,
            "rope.freq_base": 1000000.0,
        },
        changes={r"norm\.weight": plus_one},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="olmo2",
        architecture="olmo2",
        twin=twin_of("Olmo2ForCausalLM", **LLAMA_LIKE, **ROOT),
        sites=ONLY_AFTER,
        values=RMS,
    ),
    Family(
        name="exaone4",
        architecture="exaone4",
        twin=twin_of(
            "Exaone4ForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            sliding_window=None,
            layer_types=["full_attention"] * LAYERS,
            rope_parameters=PLAIN,
        ),
        sites=ONLY_AFTER,
        values=RMS,
    ),
    Family(
        name="glm4",
        architecture="glm4",
        twin=twin_of(
            "Glm4ForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            head_dim=HEAD,
            attention_bias=True,
            partial_rotary_factor=0.5,
        ),
        sites=normed_after("post_attention_layernorm", "post_self_attn_layernorm", "post_mlp_layernorm"),
        values=RMS | {"rope.dimension_count": HEAD // 2},
    ),
    Family(
        name="olmo3",
        architecture="olmo2",
        twin=twin_of(
            "Olmo3ForCausalLM",
            **LLAMA_LIKE | FOUR,
            **ROOT,
            sliding_window=64,
            rope_parameters={"sliding_attention": PLAIN, "full_attention": PLAIN},
        ),
        sites=ONLY_AFTER,
        values=RMS
        | {
            "block_count": 4,
            "attention.sliding_window": 64,
            "attention.sliding_window_pattern": [True, True, True, False],
        },
    ),
    Family(
        name="bitnet",
        architecture="bitnet",
        twin=twin_of(
            "BitNetForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            hidden_act="silu",
            tie_word_embeddings=True,
            rope_parameters=PLAIN,
        ),
        sites=serial(),  # its norms stand before the last matrix of a branch
        values=RMS,
        names={
            r"self_attn\.attn_sub_norm": "self_attn.inner_attn_ln",
            r"mlp\.ffn_sub_norm": "mlp.ffn_layernorm",
        },
    ),
)
