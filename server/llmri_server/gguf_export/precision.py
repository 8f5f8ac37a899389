"""How many bits each tensor gets."""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, LlamaFileType, quants

from llmri_server.gguf_export.q4_k import SUPER_BLOCK, quantize_q4_k
from llmri_server.gguf_export.weights import Floats

Precision = Literal["f32", "f16", "q8_0", "q4"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

FILE_TYPES: dict[Precision, LlamaFileType] = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q4": LlamaFileType.MOSTLY_Q4_K_S,
}
BLOCK = 32  # weights that share a scale in Q8_0 and Q4_1
HEADS = ("token_embd.weight", "output.weight")


def type_of(name: str, shape: tuple[int, ...], precision: Precision) -> GGMLQuantizationType:
    """Return the type of a tensor, the nearest to the precision that its shape allows.

    Vectors, and the router of a mixture of experts, stay float32. Rows that are no whole number of blocks
    stay float16. With `q4`, embedding and output get Q8_0, as llama.cpp's own quantiser gives them more bits;
    the rest gets Q4_K, or Q4_1 where a row is no whole number of its blocks of 256 weights: the same kind,
    a scale and a minimum for 32 weights.
    """
    kinds = GGMLQuantizationType
    if precision == "f32" or len(shape) == 1 or ".ffn_gate_inp." in name:
        return kinds.F32
    if precision == "f16" or shape[-1] % BLOCK:
        return kinds.F16
    if precision == "q8_0" or name in HEADS:
        return kinds.Q8_0
    return kinds.Q4_1 if shape[-1] % SUPER_BLOCK else kinds.Q4_K


def encode(values: Floats, kind: GGMLQuantizationType) -> npt.NDArray[np.generic]:
    """Return the values in a type: floats as they are, quantised rows as bytes, `[..., row bytes]`."""
    if kind == GGMLQuantizationType.Q4_K:
        return quantize_q4_k(values)
    encoded: npt.NDArray[np.generic] = quants.quantize(values, kind)
    return encoded
