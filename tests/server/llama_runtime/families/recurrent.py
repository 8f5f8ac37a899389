"""Families with a state that goes from token to token, in all of their blocks or in some."""

import transformers as hf

from tests.server.llama_runtime.families.family import Family
from tests.server.llama_runtime.families.places import ONLY_BLOCKS, Sites, serial
from tests.server.llama_runtime.families.sizes import HEAD, KEY_HEADS, LAYERS, LLAMA_LIKE, MODEL, RMS
from tests.server.llama_runtime.families.tensors import negative_exponential, squeezed

STATE, INNER, KERNEL, RANK = 16, 128, 4, 4
MIXED = {
    "attn_out": "not every block has attention",
    "z": "not every block has attention",
}

RECURRENT = (
    Family(
        name="mamba",
        architecture="mamba",
        twin=lambda: hf.MambaForCausalLM(
            hf.MambaConfig(
                **{key: value for key, value in MODEL.items() if key != "num_attention_heads"},
                state_size=STATE,
                time_step_rank=RANK,
                layer_norm_epsilon=1e-6,
            )
        ),
        sites={},
        absent=ONLY_BLOCKS,
        values=RMS
        | {
            "feed_forward_length": 0,
            "attention.head_count": 0,
            "attention.head_count_kv": None,
            "ssm.conv_kernel": KERNEL,
            "ssm.inner_size": INNER,
            "ssm.state_size": STATE,
            "ssm.time_step_rank": RANK,
        },
        changes={"A_log": negative_exponential, r"conv1d\.weight": squeezed},
    ),
    Family(
        name="lfm2",
        architecture="lfm2",
        twin=lambda: hf.Lfm2ForCausalLM(
            hf.Lfm2Config(
                **LLAMA_LIKE,
                norm_eps=1e-6,
                block_auto_adjust_ff_dim=False,
                layer_types=["conv", "full_attention", "conv"],
            )
        ),
        sites={
            site: spot
            for site, spot in serial(middle="ffn_norm", mlp="feed_forward", down="w2").items()
            if site not in MIXED
        },
        absent=MIXED,
        values=RMS | {"shortconv.l_cache": 3, "attention.head_count_kv": [0, KEY_HEADS, 0]},
        changes={r"conv\.conv\.weight": squeezed},
    ),
)
_: Sites = {}
__ = (HEAD, LAYERS)
