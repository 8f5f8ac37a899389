"""Every kind of element a checkpoint stores: how many bytes it takes, and how it becomes a number.

What is not in the table is shown by its name and never decoded by a guess.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from llmri_weights.arrays import Bytes, Floats, Values
from llmri_weights.decoding import ggml, small_floats
from llmri_weights.errors import WeightsError

Decoder = Callable[[Bytes], Values]


@dataclass(frozen=True)
class DType:
    """A kind of element.

    Attributes:
        name: As safetensors or ggml has it.
        elements: How many elements a block has; 1 where each stands for itself.
        size: How many bytes a block takes.
        decode: From bytes `[..., blocks * size]` to numbers `[..., blocks * elements]`: float32, or float64
            where float32 would round; None where only the size is known.
    """

    name: str
    elements: int
    size: int
    decode: Decoder | None


def _integers(kind: str) -> Decoder:
    stored = np.dtype(kind)
    exact = np.float32 if stored.itemsize < np.dtype(np.float32).itemsize else np.float64
    return lambda data: _as(data, stored).astype(exact)


def _as(data: Bytes, stored: np.dtype[np.generic]) -> Values:
    return np.ascontiguousarray(data).view(stored.newbyteorder("<"))


def _bfloat16(data: Bytes) -> Floats:
    wide = _as(data, np.dtype(np.uint16)).astype(np.uint32)
    wide <<= np.uint32(16)
    return wide.view(np.float32)


def _looked_up(table: Callable[[], Floats], kind: type[np.unsignedinteger]) -> Decoder:
    kept = cache(table)
    return lambda data: kept()[_as(data, np.dtype(kind))]


def _pairs(table: Callable[[], Floats]) -> Decoder:
    """Return a decoder of two elements a byte, the low half first."""
    kept = cache(lambda: table()[np.stack([np.arange(256) & 15, np.arange(256) >> 4], axis=-1)])
    return lambda data: kept()[data].reshape(*data.shape[:-1], 2 * data.shape[-1])


def _table() -> dict[str, DType]:
    plain: list[tuple[str, int, Decoder | None]] = [
        ("F64", 8, lambda data: _as(data, np.dtype(np.float64))),
        ("F32", 4, lambda data: _as(data, np.dtype(np.float32))),
        ("F16", 2, _looked_up(small_floats.F16.table, np.uint16)),
        ("BF16", 2, _bfloat16),
        ("F8_E4M3", 1, _looked_up(small_floats.F8_E4M3.table, np.uint8)),
        ("F8_E5M2", 1, _looked_up(small_floats.F8_E5M2.table, np.uint8)),
        ("F8_E4M3FNUZ", 1, _looked_up(small_floats.F8_E4M3FNUZ.table, np.uint8)),
        ("F8_E5M2FNUZ", 1, _looked_up(small_floats.F8_E5M2FNUZ.table, np.uint8)),
        ("F8_E8M0", 1, _looked_up(small_floats.powers_of_two, np.uint8)),
        ("BOOL", 1, lambda data: (data != 0).astype(np.float32)),
        ("C64", 8, None),
        ("C128", 16, None),
    ]
    plain += [
        (f"{'U' if unsigned else 'I'}{8 * size}", size, _integers(f"{'u' if unsigned else 'i'}{size}"))
        for unsigned in (False, True)
        for size in (1, 2, 4, 8)
    ]
    found = {name: DType(name, 1, size, decode) for name, size, decode in plain}
    found["F4"] = DType("F4", 2, 1, _pairs(small_floats.F4_E2M1.table))
    for name in ("F6_E2M3", "F6_E3M2"):  # how four of them share three bytes is written down nowhere
        found[name] = DType(name, 4, 3, None)
    for name, block in ggml.BLOCKS.items():
        found[name] = DType(name, block.elements, block.size, partial(ggml.dequantize, name))
    return found


DTYPES: dict[str, DType] = _table()

GGML_PLAIN = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
GGML_TYPES: dict[int, str] = GGML_PLAIN | {block.number: name for name, block in ggml.BLOCKS.items()}


def decodable(name: str) -> Decoder:
    """Return what decodes a kind of element.

    Raises:
        WeightsError: It is not known, or only its size is.
    """
    known = DTYPES.get(name)
    if known is None or known.decode is None:
        raise WeightsError(f"{name} is no kind of element that can be decoded")
    return known.decode


def decoded(name: str, data: Bytes) -> Values:
    """Return numbers `[..., blocks * elements]` of bytes `[..., blocks * size]`, as `decodable` does."""
    return decodable(name)(data)


def packed_bytes(dtype: str, shape: Sequence[int]) -> int | None:
    """Return how many bytes a tensor of such a shape takes, or None where the table can't tell.

    Blocks lie along the last axis.
    """
    known = DTYPES.get(dtype)
    if known is None:
        return None
    if known.elements == 1:
        return math.prod(shape) * known.size
    if not shape or shape[-1] % known.elements:
        return None
    return math.prod(shape[:-1]) * (shape[-1] // known.elements) * known.size
