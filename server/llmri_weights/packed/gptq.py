"""GPTQ and AWQ: 32-bit words of `qweight`, a zero point and a scale for each group of inputs.

Sources: Frantar et al. 2022 and AutoGPTQ's `pack` (inputs packed, zero points stored less one, unless the
configuration says `gptq_v2`); Lin et al. 2023 and AutoAWQ's `WQLinear_GEMM` (outputs packed, in the
order below).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import StoredMatrix
from llmri_weights.packed.bits import unpack_bits
from llmri_weights.packed.packing import UnpackedMatrix, Window, quantization, stems, whole
from llmri_weights.weight import Weight

WORD = 32
AWQ_BITS, AWQ_PACK = 4, 8
AWQ_ORDER = np.array([0, 4, 1, 5, 2, 6, 3, 7])  # where in a word the first, second, ... output stands
GPTQ_BITS = (2, 3, 4, 8)


def find(tensors: Mapping[str, Stored], config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights packed so, told apart by their shapes."""
    found = []
    for stem in stems(tensors, ".qweight"):
        parts = [tensors.get(stem + ending) for ending in (".qweight", ".qzeros", ".scales")]
        if any(part is None or part.fault or len(part.shape) != 2 for part in parts):  # noqa: PLR2004
            continue
        weight, zeros, scales = (part for part in parts if part is not None)
        groups, outputs = scales.shape
        if not outputs or not groups or zeros.shape[0] != groups:
            continue
        order = tensors.get(f"{stem}.g_idx")
        bits, odd = divmod(zeros.shape[1] * WORD, outputs)
        if weight.shape[1] * AWQ_PACK == outputs and bits == AWQ_BITS and order is None:
            found.append(_awq(stem, weight, zeros, scales))
        elif weight.shape[1] == outputs and not odd and bits in GPTQ_BITS:
            offset = 0 if quantization(config).get("checkpoint_format") == "gptq_v2" else 1
            found.append(
                _gptq(stem, weight=weight, zeros=zeros, scales=scales, order=order, bits=bits, offset=offset)
            )
    return found


def _awq(stem: str, weight: Stored, zeros: Stored, scales: Stored) -> Weight:
    inputs, (groups, outputs) = weight.shape[0], scales.shape
    size = -(-inputs // groups)
    return Weight(
        f"{stem}.weight",
        (outputs, inputs),
        f"AWQ 4 bit, groups of {size}",
        (weight, zeros, scales),
        lambda: UnpackedMatrix(outputs, inputs, partial(_awq_window, weight, zeros, scales, size)),
    )


def _awq_window(weight: Stored, zeros: Stored, scales: Stored, size: int, at: Window) -> Values:
    top, bottom, left, right = at
    first, last = top // AWQ_PACK, -(-bottom // AWQ_PACK)
    levels = _awq_levels(StoredMatrix(weight), left, right, first, last)
    group = np.arange(left, right) // size
    low, high = int(group[0]), int(group[-1]) + 1
    zero = _awq_levels(StoredMatrix(zeros), low, high, first, last)
    scale = StoredMatrix(scales).window(low, high, first * AWQ_PACK, last * AWQ_PACK)
    values = (levels.astype(np.float32) - zero[group - low]) * scale[group - low]
    return values[:, top - first * AWQ_PACK : bottom - first * AWQ_PACK].T


def _awq_levels(matrix: StoredMatrix, top: int, bottom: int, first: int, last: int) -> Values:
    nibbles = unpack_bits(matrix.raw(top, bottom, first * 4, last * 4), AWQ_BITS)
    return nibbles.reshape(bottom - top, -1, AWQ_PACK)[:, :, AWQ_ORDER].reshape(bottom - top, -1)


def _gptq(
    stem: str, *, weight: Stored, zeros: Stored, scales: Stored, order: Stored | None, bits: int, offset: int
) -> Weight:
    inputs, (groups, outputs) = weight.shape[0] * WORD // bits, scales.shape
    size = -(-inputs // groups)
    parts = (weight, zeros, scales) if order is None else (weight, zeros, scales, order)

    def matrix() -> UnpackedMatrix:
        group = np.arange(inputs) // size if order is None else whole(order)[0].astype(np.int64)
        zero = unpack_bits(StoredMatrix(zeros).raw(0, groups, 0, zeros.shape[1] * 4), bits)
        shifted = zero[:, :outputs].astype(np.float32) + np.float32(offset)
        window = partial(
            _gptq_window, weight=weight, zero=shifted, scale=whole(scales), group=group, bits=bits
        )
        return UnpackedMatrix(outputs, inputs, window)

    return Weight(f"{stem}.weight", (outputs, inputs), f"GPTQ {bits} bit, groups of {size}", parts, matrix)


def _gptq_window(
    at: Window, *, weight: Stored, zero: Values, scale: Values, group: Values, bits: int
) -> Values:
    top, bottom, left, right = at
    step = WORD // np.gcd(WORD, bits)  # inputs that fill whole words
    words = bits * step // WORD
    first, last = left // step, -(-right // step)
    raw = StoredMatrix(weight).raw(first * words, last * words, top * 4, bottom * 4)
    columns = raw.reshape(-1, bottom - top, 4).transpose(1, 0, 2).reshape(bottom - top, -1)
    levels = unpack_bits(np.ascontiguousarray(columns), bits)[:, left - first * step : right - first * step]
    of = group[left:right]
    values: Values = (levels.astype(np.float32) - zero[of, top:bottom].T) * scale[of, top:bottom].T
    return values
