"""bitsandbytes: eight bits with a scale a row, and four (NF4, FP4) with a scale a block of the flat tensor.

Source: Dettmers et al. 2022 (LLM.int8) and 2023 (QLoRA); the state that the library saves beside each weight.
"""

import json
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.files.stored import Stored, is_shape
from llmri_weights.matrices import StoredMatrix, matrix_shape
from llmri_weights.packed.packing import UnpackedMatrix, Window, stems, whole
from llmri_weights.weight import Weight

STATE = ".quant_state.bitsandbytes__"
INT8_TOP = 127
MOST_STATE = 1 << 16  # bytes


def find(tensors: Mapping[str, Stored], _config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights packed so."""
    found = [
        _four_bits(tensors, stem, kind) for kind in ("nf4", "fp4") for stem in stems(tensors, STATE + kind)
    ]
    found += [_eight_bits(tensors, stem) for stem in stems(tensors, ".SCB")]
    return [weight for weight in found if weight is not None]


def _eight_bits(tensors: Mapping[str, Stored], stem: str) -> Weight | None:
    weight, scales = tensors.get(f"{stem}.weight"), tensors[f"{stem}.SCB"]
    if weight is None or weight.dtype != "I8" or weight.fault or scales.fault:
        return None
    if len(weight.shape) != 2 or math.prod(scales.shape) != weight.shape[0]:  # noqa: PLR2004
        return None
    layout = tensors.get(f"{stem}.weight_format")
    parts = (weight, scales) if layout is None else (weight, scales, layout)

    def window(at: Window) -> Values:
        top, bottom, left, right = at
        values = StoredMatrix(weight).window(top, bottom, left, right)
        scale = whole(scales).reshape(-1)[top:bottom, None] / np.float32(INT8_TOP)
        result: Values = values * scale
        return result

    return Weight(
        weight.name,
        weight.shape,
        "bitsandbytes int8",
        parts,
        lambda: UnpackedMatrix(*matrix_shape(weight.shape), window),
    )


def _four_bits(tensors: Mapping[str, Stored], name: str, kind: str) -> Weight | None:
    endings = ("", ".absmax", ".quant_map", STATE + kind)
    parts = [tensors.get(name + ending) for ending in endings]
    if any(part is None or part.fault for part in parts):
        return None
    weight, absmax, levels, state = (part for part in parts if part is not None)
    described = _state(state)
    shape, block = described.get("shape"), described.get("blocksize")
    if not (isinstance(shape, list) and is_shape(shape) and type(block) is int and block > 0):
        return None
    count = math.prod(shape)
    if weight.nbytes < -(-count // 2) or math.prod(absmax.shape) < -(-count // block):
        return None
    nested = [tensors.get(name + ending) for ending in (".nested_absmax", ".nested_quant_map")]
    inner = tuple(part for part in nested if part is not None)
    rows, columns = matrix_shape(tuple(shape))

    def matrix() -> UnpackedMatrix:
        scales = _scales(absmax, inner, described)
        window = partial(
            _window,
            weight=weight,
            levels=whole(levels).reshape(-1),
            scales=scales,
            block=block,
            columns=columns,
        )
        return UnpackedMatrix(rows, columns, window)

    return Weight(name, tuple(shape), f"bitsandbytes {kind}", (weight, absmax, levels, state, *inner), matrix)


def _state(state: Stored) -> dict[str, Any]:
    if state.nbytes > MOST_STATE:
        return {}
    try:
        found = json.loads(state.source.read(state.offset, state.nbytes).tobytes())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _scales(absmax: Stored, nested: tuple[Stored, ...], state: Mapping[str, Any]) -> Values:
    """Return the scale of each block, which may be quantised itself."""
    scales = whole(absmax).reshape(-1)
    if len(nested) < 2:  # noqa: PLR2004
        return scales
    outer, levels = (whole(part).reshape(-1) for part in nested)
    block = int(state.get("nested_blocksize", 256))
    blocks = np.arange(scales.size) // block
    found: Values = levels[scales.astype(np.int64)] * outer[blocks] + np.float32(
        state.get("nested_offset", 0)
    )
    return found


def _window(
    at: Window, *, weight: Stored, levels: Values, scales: Values, block: int, columns: int
) -> Values:
    top, bottom, left, right = at
    begin, end = top * columns, bottom * columns
    first, last = begin // 2, -(-end // 2)
    data = weight.source.read(weight.offset + first, last - first)
    numbers = np.stack([data >> 4, data & 15], axis=-1).reshape(-1)[begin - 2 * first : end - 2 * first]
    values = levels[numbers] * scales[np.arange(begin, end) // block]
    return values.reshape(bottom - top, columns)[:, left:right]
