"""Four-bit floats with a scale a block: MXFP4 (blocks of 32, powers of two), NVFP4 (blocks of 16, E4M3).

Sources: OCP Microscaling Formats 1.0 (2023) and the tensors of gpt-oss (`_blocks`, `_scales`); NVIDIA
ModelOpt (`weight_scale`, `weight_scale_2`) and compressed-tensors (`weight_packed`, and
`weight_global_scale`, a divisor).
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.dtypes import decoded
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import matrix_shape
from llmri_weights.packed.packing import UnpackedMatrix, Window, stems, whole
from llmri_weights.weight import Weight

MX_BLOCK, NV_BLOCK = 32, 16
BLOCKS = {"MXFP4": MX_BLOCK, "NVFP4": NV_BLOCK}


def find(tensors: Mapping[str, Stored], _config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights packed so."""
    found = [_grouped(tensors, stem) for stem in stems(tensors, "_blocks")]
    found += [_rows(tensors, f"{stem}.weight_packed", stem) for stem in stems(tensors, ".weight_packed")]
    found += [_rows(tensors, f"{stem}.weight", stem) for stem in stems(tensors, ".weight_scale")]
    return [weight for weight in found if weight is not None]


def _grouped(tensors: Mapping[str, Stored], stem: str) -> Weight | None:
    """Return a weight of gpt-oss: `[..., rows, blocks, 16]` bytes with `[..., rows, blocks]` scales."""
    blocks, scales = tensors[f"{stem}_blocks"], tensors.get(f"{stem}_scales")
    if scales is None or blocks.fault or scales.fault or (blocks.dtype, scales.dtype) != ("U8", "U8"):
        return None
    if len(blocks.shape) < 3 or blocks.shape[:-1] != scales.shape or blocks.shape[-1] * 2 != MX_BLOCK:  # noqa: PLR2004
        return None
    shape = (*blocks.shape[:-2], blocks.shape[-2] * MX_BLOCK)
    return _weight(stem, shape, "MXFP4", (blocks, scales))


def _rows(tensors: Mapping[str, Stored], name: str, stem: str) -> Weight | None:
    """Return a weight of `[rows, columns / 2]` bytes with `[rows, columns / block]` scales."""
    packed, scales = tensors.get(name), tensors.get(f"{stem}.weight_scale")
    if packed is None or scales is None or packed.fault or scales.fault or packed.dtype != "U8":
        return None
    if len(packed.shape) < 2 or packed.shape[:-1] != scales.shape[:-1]:  # noqa: PLR2004
        return None
    shape, across = (*packed.shape[:-1], 2 * packed.shape[-1]), scales.shape[-1]
    if scales.dtype in {"U8", "F8_E8M0"} and across * MX_BLOCK == shape[-1]:
        return _weight(f"{stem}.weight", shape, "MXFP4", (packed, scales))
    if scales.dtype != "F8_E4M3" or across * NV_BLOCK != shape[-1]:
        return None
    times, divisor = tensors.get(f"{stem}.weight_scale_2"), tensors.get(f"{stem}.weight_global_scale")
    other = times or divisor
    if other is None or other.fault or math.prod(other.shape) != 1:
        return None
    return _weight(f"{stem}.weight", shape, "NVFP4", (packed, scales, other), 1 if times else -1)


def _weight(
    name: str, shape: tuple[int, ...], kind: str, parts: tuple[Stored, ...], power: float = 1
) -> Weight:
    rows, columns = matrix_shape(shape)
    block = BLOCKS[kind]

    def matrix() -> UnpackedMatrix:
        total = float(whole(parts[2])[0, 0]) ** power if len(parts) > 2 else 1.0  # noqa: PLR2004
        return UnpackedMatrix(rows, columns, partial(_window, parts, columns, block, np.float32(total)))

    return Weight(name, shape, kind, parts, matrix)


def _window(parts: tuple[Stored, ...], columns: int, block: int, total: np.float32, at: Window) -> Values:
    top, bottom, left, right = at
    first, last = left // block, -(-right // block)
    rows = slice(top, bottom)
    numbers = _bytes(parts[0], columns // 2, rows, slice(first * block // 2, last * block // 2))
    scales = _bytes(parts[1], columns // block, rows, slice(first, last))
    wide = decoded("F8_E8M0" if block == MX_BLOCK else "F8_E4M3", scales) * total
    values = decoded("F4", numbers) * np.repeat(wide, block, axis=1)
    return values[:, left - first * block : right - first * block]


def _bytes(part: Stored, row: int, rows: slice, columns: slice) -> Values:
    count = rows.stop - rows.start
    data = part.source.read(part.offset + rows.start * row, count * row)
    return np.ascontiguousarray(data.reshape(count, row)[:, columns])
