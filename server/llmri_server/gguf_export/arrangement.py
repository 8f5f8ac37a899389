"""What GGUF changes about the tensors: their names, the order of rotated rows, and experts in one piece."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
from gguf import get_tensor_name_map

from llmri_server.gguf_export.errors import ExportError
from llmri_server.gguf_export.families import Layout
from llmri_server.gguf_export.hyperparameters import Config, key_value_heads
from llmri_server.gguf_export.weights import Floats
from llmri_weights.arrangement import interleave

EXPERT = re.compile(r"model\.layers\.(\d+)\.block_sparse_moe\.experts\.(\d+)\.(w[123])\.weight")
STACKED = "layers.{}.feed_forward.experts.{}.weight"


def arrange(
    weights: Iterable[tuple[str, Floats]], layout: Layout, config: Config
) -> Iterator[tuple[str, Floats]]:
    """Yield the tensors under GGUF's names, arranged as llama.cpp wants them.

    Raises:
        ExportError: A tensor has no place in this architecture.
    """
    names = get_tensor_name_map(layout.arch, config["num_hidden_layers"])
    tied = config.get("tie_word_embeddings", False)
    for name, values in _stack_experts(weights, config):
        if tied and name == "lm_head.weight":
            continue
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise ExportError(f"the tensor `{name}` has no place in llama.cpp's {config['model_type']}")
        yield known, _adapted(name, values, layout, config)


def _adapted(name: str, values: Floats, layout: Layout, config: Config) -> Floats:
    if name.endswith("norm.weight"):
        return values + np.float32(layout.arrangement.norm_offset)
    if layout.arrangement.interleaved and ".self_attn.q_proj." in name:
        return interleave(values, config["num_attention_heads"])
    if layout.arrangement.interleaved and ".self_attn.k_proj." in name:
        return interleave(values, key_value_heads(config))
    return values


def _stack_experts(weights: Iterable[tuple[str, Floats]], config: Config) -> Iterator[tuple[str, Floats]]:
    """Yield the experts' matrices of a layer as one tensor, `[experts, rows, columns]`."""
    waiting: dict[tuple[str, str], dict[int, Floats]] = {}
    for name, values in weights:
        match = EXPERT.fullmatch(name)
        if match is None:
            yield name, values
            continue
        layer, expert, matrix = match.groups()
        found = waiting.setdefault((layer, matrix), {})
        found[int(expert)] = values
        if len(found) == config["num_local_experts"]:
            yield STACKED.format(layer, matrix), np.stack([found[index] for index in sorted(found)])
            del waiting[layer, matrix]
    if waiting:
        raise ExportError(f"experts are missing in layers {sorted({int(layer) for layer, _ in waiting})}")
