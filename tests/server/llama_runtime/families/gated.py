"""Families like Llama: an RMS norm before each branch, and most with a gated MLP."""

import torch
import transformers as hf
from torch import nn

from tests.server.llama_runtime.families.family import GELU_TABLE, Family
from tests.server.llama_runtime.families.places import serial
from tests.server.llama_runtime.families.sizes import HEAD, LAYERS, LLAMA_LIKE, PLAIN, RMS
from tests.server.llama_runtime.families.tensors import PAIRS, left_out, plus_one

ROOT = {"rms_norm_eps": 1e-6}
MANY = {"num_hidden_layers": 32}  # by which llama.cpp tells one that turns from one with ALiBi
XIELU = {"alpha_n": 0.2, "alpha_p": 0.4, "beta": 0.5, "eps": -1e-6}  # its own activation's


def apertus() -> hf.PreTrainedModel:
    """Make Apertus with an activation of these numbers in float32."""
    model = hf.ApertusForCausalLM(hf.ApertusConfig(**LLAMA_LIKE, **ROOT, rope_parameters=PLAIN))
    for block in model.model.layers:
        for name in ("alpha_n", "alpha_p"):
            setattr(block.mlp.act_fn, name, nn.Parameter(torch.tensor([XIELU[name]])))
    return model


GATED = (
    Family(
        name="internlm2",
        architecture="internlm2",
        twin=lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA_LIKE, **ROOT)),
        sites=serial(),
        values=RMS,
        changes=PAIRS,
    ),
    Family(
        name="baichuan",
        architecture="baichuan",
        twin=lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA_LIKE | MANY, **ROOT)),
        sites=serial(),
        values=RMS | {"block_count": MANY["num_hidden_layers"]},
        changes=PAIRS,
    ),
    Family(
        name="xverse",
        architecture="xverse",
        twin=lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA_LIKE, **ROOT)),
        sites=serial(),
        values=RMS,
        changes=PAIRS,
    ),
    Family(
        name="exaone",
        architecture="exaone",
        twin=lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA_LIKE, **ROOT)),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="minicpm",
        architecture="minicpm",
        twin=lambda: hf.GraniteForCausalLM(
            hf.GraniteConfig(
                **LLAMA_LIKE,
                **ROOT,
                residual_multiplier=0.4,
                embedding_multiplier=3.0,
                logits_scaling=2.0,
                attention_multiplier=HEAD**-0.5,
            )
        ),
        sites=serial(factor=0.4),
        values=RMS | {"residual_scale": 0.4, "embedding_scale": 3.0, "logit_scale": 2.0},
        changes=PAIRS,
    ),
    Family(
        name="gemma",
        architecture="gemma",
        twin=lambda: hf.GemmaForCausalLM(hf.GemmaConfig(**LLAMA_LIKE, **ROOT, head_dim=HEAD)),
        sites=serial(),
        values=RMS | {"attention.key_length": HEAD, "attention.value_length": HEAD},
        changes={r"norm\.weight": plus_one},
        tolerance=GELU_TABLE,
    ),
    Family(
        name="arcee",
        architecture="arcee",
        twin=lambda: hf.ArceeForCausalLM(hf.ArceeConfig(**LLAMA_LIKE, **ROOT)),
        sites=serial(),
        values=RMS,
        changes=PAIRS,
    ),
    Family(
        name="seed-oss",
        architecture="seed_oss",
        twin=lambda: hf.SeedOssForCausalLM(hf.SeedOssConfig(**LLAMA_LIKE, **ROOT, head_dim=HEAD)),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="smollm3",
        architecture="smollm3",
        twin=lambda: hf.SmolLM3ForCausalLM(
            hf.SmolLM3Config(**LLAMA_LIKE | {"num_hidden_layers": 4}, **ROOT, rope_parameters=PLAIN)
        ),
        sites=serial(),
        values=RMS | {"block_count": 4},
        changes=PAIRS,
    ),
    Family(
        name="ernie4.5",
        architecture="ernie4_5",
        twin=lambda: hf.Ernie4_5ForCausalLM(hf.Ernie4_5Config(**LLAMA_LIKE, **ROOT, head_dim=HEAD, rope_parameters=PLAIN)),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="hunyuan-dense",
        architecture="hunyuan-dense",
        twin=lambda: hf.HunYuanDenseV1ForCausalLM(
            hf.HunYuanDenseV1Config(**LLAMA_LIKE, **ROOT, head_dim=HEAD)
        ),
        sites=serial(),
        values=RMS,
    ),
    Family(
        name="apertus",
        architecture="apertus",
        twin=lambda: apertus(),
        sites=serial(middle="feedforward_layernorm"),
        values=RMS | {f"/xielu.{name}": [value] * LAYERS for name, value in XIELU.items()},
        changes={"act_fn": left_out},
    ),
)
