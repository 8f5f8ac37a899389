"""Tiny random models of the eight architectures that are exported, as GGUF files."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from llmri_server.gguf_export import Precision, export_gguf
from tests.server.torch_runtime.tiny_models import byte_tokenizer, tiny_model

FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "mixtral", "phi3", "gemma2", "granite")


@dataclass(frozen=True)
class GgufModel:
    """A model and its tokenizer in PyTorch, and the file made of them."""

    path: Path
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast


def gguf_model(family: str, folder: Path, precision: Precision = "f32", **changes: object) -> GgufModel:
    """Make a model of three layers, and its file in `folder`.

    `changes` are values of the config, as in `tiny_model`: rows of 32 and 48 weights by default, so that
    with `q8_0` what writes the MLP to the residual stays float16. The model is the same for every precision.
    """
    model, tokenizer = tiny_model(family, torch.float32, **changes), byte_tokenizer()
    source = folder / f"tiny-{family}"
    model.save_pretrained(source)
    tokenizer.save_pretrained(source)
    path = folder / f"tiny-{family}-{precision}.gguf"
    export_gguf(source, path, precision, name="tiny")
    return GgufModel(path, model, tokenizer)
