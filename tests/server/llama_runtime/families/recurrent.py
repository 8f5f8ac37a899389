"""Families with a state that goes from token to token in each of their blocks."""

from tests.server.llama_runtime.families.family import Change, Family, Value, twin_of
from tests.server.llama_runtime.families.places import (
    ONLY_BLOCKS,
)
from tests.server.llama_runtime.families.sizes import (
    HEAD,
    MODEL,
    RMS,
)
from tests.server.llama_runtime.families.tensors import negative_exponential, squeezed

STATE, INNER, KERNEL, RANK, GROUPS = 16, 128, 4, 4, 2
SSM: dict[str, Value] = {
    "ssm.conv_kernel": KERNEL,
    "ssm.inner_size": INNER,
    "ssm.state_size": STATE,
    "ssm.time_step_rank": RANK,
}
MAMBA2: dict[str, Value] = SSM | {"ssm.time_step_rank": INNER // HEAD, "ssm.group_count": GROUPS}
OF_MAMBA2: dict[str, Change] = {
    "A_log": lambda tensor: negative_exponential(tensor)[:, None],
    r"\.D$": lambda tensor: tensor[:, None],
    r"(mixer|mamba)\.norm\.weight": lambda tensor: tensor.reshape(GROUPS, -1),
    r"conv1d\.weight": squeezed,
}
BIAS = {r"\.dt_bias": ".dt_proj.bias"}

RECURRENT = (
    Family(
        name="mamba",
        architecture="mamba",
        twin=twin_of(
            "MambaForCausalLM",
            **{key: value for key, value in MODEL.items() if key != "num_attention_heads"},
            state_size=STATE,
            time_step_rank=RANK,
            layer_norm_epsilon=1e-6,
        ),
        sites={},
        absent=ONLY_BLOCKS,
        values=RMS
        | {
            "feed_forward_length": 0,
            "attention.head_count": 0,
            "attention.head_count_kv": None,
        }
        | SSM,
        changes={"A_log": negative_exponential, r"conv1d\.weight": squeezed},
    ),
    Family(
        name="mamba2",
        architecture="mamba2",
        twin=twin_of(
            "Mamba2ForCausalLM",
            **{key: value for key, value in MODEL.items() if key != "num_attention_heads"},
            state_size=STATE,
            num_heads=INNER // HEAD,
            head_dim=HEAD,
            n_groups=GROUPS,
            layer_norm_epsilon=1e-6,
        ),
        sites={},
        absent=ONLY_BLOCKS,
        values=RMS
        | MAMBA2
        | {"feed_forward_length": 0, "attention.head_count": 0, "attention.head_count_kv": None},
        changes=OF_MAMBA2,
        names=BIAS,
    ),
)
