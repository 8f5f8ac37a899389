"""Families like Llama: an RMS norm before each branch, and most with a gated MLP."""

import torch
from torch import nn
from transformers import PreTrainedModel

from tests.server.llama_runtime.families.family import GELU_TABLE, Family, twin_of
from tests.server.llama_runtime.families.places import serial
from tests.server.llama_runtime.families.sizes import HEAD, LAYERS, LLAMA_LIKE, PLAIN, RMS, ROOT
from tests.server.llama_runtime.families.tensors import PAIRS, left_out, plus_one
from tests.server.llama_runtime.families.twins import blocks_of

MANY = {"num_hidden_layers": 32}  # by which llama.cpp tells one that turns from one with ALiBi
XIELU = {"alpha_n": 0.2, "alpha_p": 0.4, "beta": 0.5, "eps": -1e-6}  # its own activation's


def apertus() -> PreTrainedModel:
    """Make Apertus with an activation of these numbers in float32."""
    model = twin_of("ApertusForCausalLM", **LLAMA_LIKE, **ROOT, rope_parameters=PLAIN)()
    for block in blocks_of(model):
        for name in ("alpha_n", "alpha_p"):
            setattr(block.get_submodule("mlp.act_fn"), name, nn.Parameter(torch.tensor([XIELU[name]])))
    return model


GATED = (
    Family(
        name="internlm2",
        architecture="internlm2",
        twin=twin_of("LlamaForCausalLM", **LLAMA_LIKE, **ROOT),
        sites=serial(),
        values=RMS,
        changes=PAIRS,
    ),
    Family(
        name="baichuan",
        architecture="baichuan",
        twin=twin_of("LlamaForCausalLM", **LLAMA_LIKE | MANY, **ROOT),
        sites=serial(),
        values=RMS | {"block_count": MANY["num_hidden_layers"]},
        changes=PAIRS,
    ),
    Family(
        name="xverse",
        architecture="xverse",
        twin=twin_of("LlamaForCausalLM", **LLAMA_LIKE, **ROOT),
        sites=serial(),
        values=RMS,
        changes=PAIRS,
    ),
    Family(
        name="exaone",
        architecture="exaone",
        twin=twin_of("LlamaForCausalLM", **LLAMA_LIKE, **ROOT),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="minicpm",
        architecture="minicpm",
        twin=twin_of(
            "GraniteForCausalLM",
            **LLAMA_LIKE,
            **ROOT,
            residual_multiplier=0.4,
            embedding_multiplier=3.0,
            logits_scaling=2.0,
            attention_multiplier=HEAD**-0.5,
        ),
        sites=serial(factor=0.4),
        values=RMS | {"residual_scale": 0.4, "embedding_scale": 3.0, "logit_scale": 2.0},
        changes=PAIRS,
    ),
    Family(
        name="gemma",
        architecture="gemma",
        twin=twin_of("GemmaForCausalLM", **LLAMA_LIKE, **ROOT, head_dim=HEAD),
        sites=serial(),
        values=RMS | {"attention.key_length": HEAD, "attention.value_length": HEAD},
        changes={r"norm\.weight": plus_one},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="arcee",
        architecture="arcee",
        twin=twin_of("ArceeForCausalLM", **LLAMA_LIKE, **ROOT),
        sites=serial(),
        values=RMS,
        changes=PAIRS,
    ),
    Family(
        name="seed-oss",
        architecture="seed_oss",
        twin=twin_of("SeedOssForCausalLM", **LLAMA_LIKE, **ROOT, head_dim=HEAD),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="smollm3",
        architecture="smollm3",
        twin=twin_of(
            "SmolLM3ForCausalLM", **LLAMA_LIKE | {"num_hidden_layers": 4}, **ROOT, rope_parameters=PLAIN
        ),
        sites=serial(),
        values=RMS | {"block_count": 4},
        changes=PAIRS,
    ),
    Family(
        name="ernie4.5",
        architecture="ernie4_5",
        twin=twin_of("Ernie4_5ForCausalLM", **LLAMA_LIKE, **ROOT, head_dim=HEAD, rope_parameters=PLAIN),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="hunyuan-dense",
        architecture="hunyuan-dense",
        twin=twin_of("HunYuanDenseV1ForCausalLM", **LLAMA_LIKE, **ROOT, head_dim=HEAD),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="apertus",
        architecture="apertus",
        twin=apertus,
        sites=serial(middle="feedforward_layernorm"),
        values=RMS | {f"/xielu.{name}": [value] * LAYERS for name, value in XIELU.items()},
        changes={"act_fn": left_out},
    ),
)
