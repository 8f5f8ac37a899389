"""compressed-tensors' `pack-quantized`: integers of a few bits in 32-bit words along the inputs.

Source: `pack_to_int32` of the compressed-tensors package: numbers are made unsigned, then packed from
the lowest bit on, each word holding `32 / bits` of them; zero points are packed along the outputs.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import StoredMatrix
from llmri_weights.packed.bits import unpack_bits
from llmri_weights.packed.packing import UnpackedMatrix, Window, stems, whole
from llmri_weights.weight import Weight

WORD = 32
BITS = (2, 4, 8)


def find(tensors: Mapping[str, Stored], _config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights packed so."""
    found = [_weight(tensors, stem) for stem in stems(tensors, ".weight_packed")]
    return [weight for weight in found if weight is not None]


def _weight(tensors: Mapping[str, Stored], stem: str) -> Weight | None:
    parts = [tensors.get(stem + ending) for ending in (".weight_packed", ".weight_scale", ".weight_shape")]
    if any(part is None or part.fault for part in parts):
        return None
    packed, scales, shape = (part for part in parts if part is not None)
    if packed.dtype != "I32" or len(packed.shape) != 2 or shape.shape != (2,):  # noqa: PLR2004
        return None
    outputs, inputs = (int(length) for length in whole(shape)[0])
    bits = next((bits for bits in BITS if packed.shape == (outputs, -(-inputs * bits // WORD))), None)
    groups = math.prod(scales.shape) // max(1, outputs)
    if bits is None or outputs * groups != math.prod(scales.shape) or not groups:
        return None
    zeros, order = tensors.get(f"{stem}.weight_zero_point"), tensors.get(f"{stem}.weight_g_idx")
    others = tuple(part for part in (zeros, order) if part is not None)
    size = -(-inputs // groups)

    def matrix() -> UnpackedMatrix:
        half = np.float32(1 << (bits - 1))
        grid = whole(scales).reshape(outputs, groups)
        zero = (
            np.zeros((outputs, groups), np.float32) if zeros is None else _zeros(zeros, bits, outputs) - half
        )
        group = np.arange(inputs) // size if order is None else whole(order)[0].astype(np.int64)
        return UnpackedMatrix(
            outputs, inputs, partial(_window, packed=packed, scales=grid, zero=zero, group=group, bits=bits)
        )

    described = f"compressed-tensors {bits} bit, groups of {size}"
    return Weight(f"{stem}.weight", (outputs, inputs), described, (packed, scales, shape, *others), matrix)


def _zeros(zeros: Stored, bits: int, outputs: int) -> Values:
    """Return the unsigned zero points, `[outputs, groups]`, packed along the outputs."""
    matrix = StoredMatrix(zeros)
    raw = matrix.raw(0, matrix.rows, 0, matrix.row_bytes).reshape(matrix.rows, matrix.columns, 4)
    numbers = unpack_bits(np.ascontiguousarray(raw), bits)
    return numbers.transpose(0, 2, 1).reshape(-1, matrix.columns)[:outputs].astype(np.float32)


def _window(at: Window, *, packed: Stored, scales: Values, zero: Values, group: Values, bits: int) -> Values:
    top, bottom, left, right = at
    first, last = left * bits // 8, -(-right * bits // 8)
    numbers = unpack_bits(StoredMatrix(packed).raw(top, bottom, first, last), bits)
    begin = left - first * 8 // bits
    levels = numbers[:, begin : begin + right - left].astype(np.float32) - np.float32(1 << (bits - 1))
    of = group[left:right]
    found: Values = (levels - zero[top:bottom][:, of]) * scales[top:bottom][:, of]
    return found
