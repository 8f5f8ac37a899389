"""ggml's block formats, turned into numbers by ggml's own functions, or by the gguf package without them.

The functions are those of the `ggml-base` library inside llama-cpp-python. Each is compared with the table
here when it is first wanted, so that a library whose formats moved on is not believed.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from llmri_weights.arrays import Bytes, Floats
from llmri_weights.errors import WeightsError

OLDEST = (0, 3, 36)  # of llama-cpp-python: an older one need not have the last of these types
LIBRARY = {"win32": "ggml-base.dll", "darwin": "libggml-base.dylib"}.get(sys.platform, "libggml-base.so")


class Block(NamedTuple):
    """A type's number in files, and how many elements and bytes a block has."""

    number: int
    elements: int
    size: int


BLOCKS: dict[str, Block] = {
    "Q4_0": Block(2, 32, 18),
    "Q4_1": Block(3, 32, 20),
    "Q5_0": Block(6, 32, 22),
    "Q5_1": Block(7, 32, 24),
    "Q8_0": Block(8, 32, 34),
    "Q8_1": Block(9, 32, 36),
    "Q2_K": Block(10, 256, 84),
    "Q3_K": Block(11, 256, 110),
    "Q4_K": Block(12, 256, 144),
    "Q5_K": Block(13, 256, 176),
    "Q6_K": Block(14, 256, 210),
    "Q8_K": Block(15, 256, 292),
    "IQ2_XXS": Block(16, 256, 66),
    "IQ2_XS": Block(17, 256, 74),
    "IQ3_XXS": Block(18, 256, 98),
    "IQ1_S": Block(19, 256, 50),
    "IQ4_NL": Block(20, 32, 18),
    "IQ3_S": Block(21, 256, 110),
    "IQ2_S": Block(22, 256, 82),
    "IQ4_XS": Block(23, 256, 136),
    "IQ1_M": Block(29, 256, 56),
    "TQ1_0": Block(34, 256, 54),
    "TQ2_0": Block(35, 256, 66),
    "MXFP4": Block(39, 32, 17),
    "NVFP4": Block(40, 64, 36),
    "Q1_0": Block(41, 128, 18),
    "Q2_0": Block(42, 64, 18),
}

ToFloat = Callable[[int, int, int], None]
_TO_FLOAT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


class _Traits(ctypes.Structure):
    _fields_ = (
        ("type_name", ctypes.c_char_p),
        ("block_elements", ctypes.c_int64),
        ("block_interleave", ctypes.c_int64),
        ("block_bytes", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.c_void_p),
        ("from_float_ref", ctypes.c_void_p),
    )


def dequantize(name: str, blocks: Bytes) -> Floats:
    """Return the values of whole blocks, `[..., blocks * elements]`, of bytes `[..., blocks * size]`.

    Raises:
        WeightsError: Neither library that knows the type is installed.
    """
    if name in _OF_THE_ENGINE:
        return _OF_THE_ENGINE[name](blocks)
    block, function = BLOCKS[name], _to_float(name)
    if function is None:
        return _by_gguf(name, blocks)
    data = np.ascontiguousarray(blocks)
    values = np.empty((*data.shape[:-1], data.shape[-1] // block.size * block.elements), np.float32)
    function(data.ctypes.data, values.ctypes.data, values.size)
    return values


def _by_gguf(name: str, blocks: Bytes) -> Floats:
    try:
        from gguf import GGMLQuantizationType, quants  # noqa: PLC0415  an extra
    except ImportError:
        raise WeightsError(
            f"{name} needs llama-cpp-python or the gguf package to be decoded; install the extra gguf"
        ) from None
    if not blocks.size:
        return np.zeros((*blocks.shape[:-1], 0), np.float32)
    try:
        values: Floats = quants.dequantize(blocks, GGMLQuantizationType[name])
    except (KeyError, NotImplementedError):
        raise WeightsError(f"{name} is decoded by llama-cpp-python alone; install the extra gguf") from None
    return values


def _q8_1(blocks: Bytes) -> Floats:
    """Decode a half for the scale, a half that sums, and 32 signed bytes."""
    return _scaled(blocks, BLOCKS["Q8_1"], np.dtype("<f2"), 4)


def _q8_k(blocks: Bytes) -> Floats:
    """Decode a float for the scale, 256 signed bytes, and sums of them."""
    return _scaled(blocks, BLOCKS["Q8_K"], np.dtype("<f4"), 4)


def _scaled(blocks: Bytes, block: Block, scale: np.dtype[np.floating], begin: int) -> Floats:
    parts = np.ascontiguousarray(blocks).reshape(*blocks.shape[:-1], -1, block.size)
    scales = np.ascontiguousarray(parts[..., : scale.itemsize]).view(scale).astype(np.float32)
    levels = np.ascontiguousarray(parts[..., begin : begin + block.elements]).view(np.int8)
    values: Floats = scales * levels
    return values.reshape(*blocks.shape[:-1], -1)


# llama.cpp uses these while it computes, and has no `to_float` for them.
_OF_THE_ENGINE: dict[str, Callable[[Bytes], Floats]] = {"Q8_1": _q8_1, "Q8_K": _q8_k}


@cache
def _to_float(name: str) -> ToFloat | None:
    library = _library()
    if library is None:
        return None
    block = BLOCKS[name]
    traits = library.ggml_get_type_traits(block.number).contents
    found = (
        (traits.type_name or b"").decode(errors="replace").upper(),
        traits.block_elements,
        traits.block_bytes,
    )
    if found != (name, block.elements, block.size) or not traits.to_float:
        return None
    function: ToFloat = _TO_FLOAT(traits.to_float)
    return function


@cache
def _library() -> ctypes.CDLL | None:
    """Load the library where a llama-cpp-python that is young enough has it, without loading llama.cpp."""
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None or _release() < OLDEST:
        return None
    try:
        library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / LIBRARY))
        library.ggml_get_type_traits.restype = ctypes.POINTER(_Traits)
        library.ggml_get_type_traits.argtypes = [ctypes.c_int]
    except (OSError, AttributeError):
        return None  # a build without it: the gguf package decodes the same, slower
    return library


def _release() -> tuple[int, ...]:
    try:
        found = version("llama-cpp-python")
    except PackageNotFoundError:
        return ()
    return tuple(int(part) for part in found.split(".")[:3] if part.isdigit())
