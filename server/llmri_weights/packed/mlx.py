"""MLX: unsigned numbers of a few bits in 32-bit words along the inputs, a scale and a bias a group.

Source: `mlx.core.quantize`. How many bits they have and how many share a group stands in the configuration
alone: the shapes fit several, so that without it the words stay words.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.decoding.small_floats import powers_of_two
from llmri_weights.dtypes import decoded
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import StoredMatrix, matrix_shape
from llmri_weights.packed.bits import unpack_bits
from llmri_weights.packed.packing import UnpackedMatrix, Window, quantization, stems
from llmri_weights.weight import Weight

WORD = 32
BITS = (2, 3, 4, 5, 6, 8)
MX_BLOCK, MX_BITS = 32, 4


def find(tensors: Mapping[str, Stored], config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights packed so."""
    found = [_weight(tensors, stem, _said(config, stem)) for stem in stems(tensors, ".scales")]
    return [weight for weight in found if weight is not None]


def _said(config: Mapping[str, Any], stem: str) -> Mapping[str, Any]:
    """Return what the configuration says of one layer; some have bits of their own."""
    quantized = quantization(config)
    own = quantized.get(stem)
    return {**quantized, **own} if isinstance(own, dict) else quantized


def _weight(tensors: Mapping[str, Stored], stem: str, said: Mapping[str, Any]) -> Weight | None:
    words, scales, biases = (tensors.get(stem + ending) for ending in (".weight", ".scales", ".biases"))
    if words is None or scales is None or words.dtype != "U32" or words.fault or scales.fault:
        return None
    bits, group = said.get("bits"), said.get("group_size")
    if bits not in BITS or type(group) is not int or group <= 0 or len(scales.shape) < 2:  # noqa: PLR2004
        return None
    columns = scales.shape[-1] * group
    shape = (*words.shape[:-1], columns)
    if words.shape[:-1] != scales.shape[:-1] or words.shape[-1] * WORD != columns * bits:
        return None
    if biases is None:
        if scales.dtype != "U8" or (bits, group) != (MX_BITS, MX_BLOCK):
            return None
        described, parts = "MLX mxfp4", [words, scales]
    elif biases.shape == scales.shape and not biases.fault:
        described, parts = f"MLX {bits} bit, groups of {group}", [words, scales, biases]
    else:
        return None
    return Weight(
        f"{stem}.weight",
        shape,
        described,
        tuple(parts),
        lambda: UnpackedMatrix(*matrix_shape(shape), partial(_window, tuple(parts), int(bits), group)),
    )


def _window(parts: tuple[Stored, ...], bits: int, group: int, at: Window) -> Values:
    top, bottom, left, right = at
    first, last = left // group, -(-right // group)
    raw = StoredMatrix(parts[0]).raw(top, bottom, first * group * bits // 8, last * group * bits // 8)
    scale, *bias = (StoredMatrix(part).window(top, bottom, first, last) for part in parts[1:])
    if bias:
        levels = unpack_bits(raw, bits).astype(np.float32)
        values = levels * np.repeat(scale, group, axis=1) + np.repeat(bias[0], group, axis=1)
    else:
        values = decoded("F4", raw) * np.repeat(powers_of_two()[scale.astype(np.int64)], group, axis=1)
    found: Values = values[:, left - first * group : right - first * group]
    return found
