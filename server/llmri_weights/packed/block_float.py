"""Eight-bit weights with scales of rows or blocks: DeepSeek's FP8, compressed-tensors, ModelOpt.

A scale tensor of one number, of a number a row, or of `[row blocks, column blocks]`.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from llmri_weights.arrays import Values
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import StoredMatrix, matrix_shape
from llmri_weights.packed.packing import UnpackedMatrix, Window, quantization, stems, whole, widened
from llmri_weights.weight import Weight

ENDINGS = ("_scale_inv", "_scale")
KINDS = frozenset({"F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8"})
DEFAULT_BLOCK = (128, 128)


def find(tensors: Mapping[str, Stored], config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights stored so."""
    found = []
    for ending in ENDINGS:
        for name in stems(tensors, ending):
            weight, scales = tensors.get(name), tensors[name + ending]
            if weight is None or weight.dtype not in KINDS or weight.fault or scales.fault:
                continue
            zero = tensors.get(f"{name}_zero_point")
            if zero is not None and zero.shape != scales.shape:
                continue
            block = _block(matrix_shape(weight.shape), scales.shape, config)
            if block is not None:
                found.append(_weight(weight, scales, zero, block))
    return found


def _block(
    matrix: tuple[int, int], scales: tuple[int, ...], config: Mapping[str, Any]
) -> tuple[int, int] | None:
    """Return how many rows and columns share a scale, or None where the shapes don't say so."""
    rows, columns = matrix
    if math.prod(scales) == 1:
        return max(1, rows), max(1, columns)
    shape = (scales[0], 1) if len(scales) == 1 else (math.prod(scales[:-1]), scales[-1])
    if shape == (rows, 1):
        return 1, max(1, columns)
    said = quantization(config).get("weight_block_size")
    candidates = [tuple(said)] if isinstance(said, list) and len(said) == 2 else []  # noqa: PLR2004
    even = tuple(
        length // parts if parts and length % parts == 0 else 0
        for length, parts in zip(matrix, shape, strict=True)
    )
    for down, across in [*candidates, DEFAULT_BLOCK, even]:
        usable = type(down) is type(across) is int and down > 0 and across > 0
        if usable and shape == (-(-rows // down), -(-columns // across)):
            return down, across
    return None


def _weight(weight: Stored, scales: Stored, zero: Stored | None, block: tuple[int, int]) -> Weight:
    parts = (weight, scales) if zero is None else (weight, scales, zero)
    rows, columns = matrix_shape(weight.shape)
    described = _described(weight.dtype, (rows, columns), block)

    def matrix() -> UnpackedMatrix:
        down, across = -(-rows // block[0]), -(-columns // block[1])
        grid = whole(scales).reshape(down, across)
        zeros = whole(zero).reshape(down, across) if zero is not None else None
        return UnpackedMatrix(rows, columns, partial(_window, weight, grid, zeros, block))

    return Weight(weight.name, weight.shape, described, parts, matrix)


def _described(dtype: str, matrix: tuple[int, int], block: tuple[int, int]) -> str:
    if block == matrix:
        return f"{dtype}, one scale"
    return (
        f"{dtype}, a scale a row" if block == (1, matrix[1]) else f"{dtype}, scales of {block[0]}x{block[1]}"
    )


def _window(
    weight: Stored, scales: Values, zeros: Values | None, block: tuple[int, int], at: Window
) -> Values:
    top, bottom, left, right = at
    values = StoredMatrix(weight).window(top, bottom, left, right)
    rows, columns = slice(top, bottom), slice(left, right)
    if zeros is not None:
        values = values - widened(zeros, rows, columns, block)
    found: Values = values * widened(scales, rows, columns, block)
    return found
