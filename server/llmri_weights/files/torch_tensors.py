"""The tensors inside what a PyTorch pickle describes: found by walking it, placed in their storages."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmri_weights.arrays import Bytes
from llmri_weights.dtypes import DTYPES
from llmri_weights.errors import WeightsError
from llmri_weights.files.byte_source import ByteSource
from llmri_weights.files.pickle_machine import Call, Described, Global, Persistent
from llmri_weights.files.stored import Stored, is_shape

STORAGES: Mapping[str, str] = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
    "Float8_e4m3fnStorage": "F8_E4M3",
    "Float8_e5m2Storage": "F8_E5M2",
    "UntypedStorage": "U8",
}
TORCH_DTYPES: Mapping[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
    "complex128": "C128",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "float4_e2m1fn_x2": "F4",
}
LONGEST_KEY, LONGEST_NAME = 512, 4096  # characters
_UNTYPED = "_rebuild_tensor_v3"
_REBUILT = frozenset({"_rebuild_tensor_v2", "_rebuild_tensor", _UNTYPED})
_DTYPE_AT = 6  # among the arguments of the one without types
_PARAMETERS = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state"})
HARMLESS = frozenset(
    {"torch", "torch._utils", "torch.storage", "torch.serialization", "collections", "_codecs"}
)


@dataclass(frozen=True)
class Storage:
    """What a pickle says of a storage, and where its bytes are.

    Attributes:
        source: What holds them.
        offset: Of the first.
        size: How many there are.
    """

    source: ByteSource
    offset: int
    size: int


FindStorage = Callable[[str], Storage | None]


def tensors_in(described: Described, find: FindStorage, file: str) -> Iterator[Stored]:
    """Yield the tensors of a described object by their dotted names; everything else is passed over.

    An object that is reached twice is walked once, so that no pickle can make this endless.

    Args:
        described: As `read_pickle` returns it.
        find: Returns a storage by its key.
        file: What a person calls the file.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", described)]
    while waiting:
        name, found = waiting.pop()
        call = _tensor_call(found)
        if call is not None:
            yield _placed(name, call, find, file)
            continue
        if id(found) in seen or isinstance(found, str | bytes | int | float | type(None)):
            continue
        seen.add(id(found))
        if len(name) < LONGEST_NAME:
            inner = [(_named(name, key), value) for key, value in _children(found)]
            waiting.extend(reversed(inner))


def _named(name: str, key: Described) -> str:
    """Return the name of what stands under a key; a hostile key may be a number of a million digits."""
    known = isinstance(key, str) or (isinstance(key, int) and key.bit_length() <= 64)  # noqa: PLR2004
    text = str(key)[:LONGEST_KEY] if known else type(key).__name__
    return f"{name}.{text}" if name else text


def foreign_names(names: set[Global]) -> tuple[str, ...]:
    """Return the names that a checkpoint does not need, in order."""
    return tuple(sorted(str(name) for name in names if name.module not in HARMLESS))


def _children(found: Described) -> Iterator[tuple[Any, Any]]:
    if isinstance(found, dict):
        yield from found.items()
    elif isinstance(found, list | tuple):
        yield from enumerate(found)
    elif isinstance(found, Call):
        yield from found.items.items()
        yield from enumerate(found.elements)
        if isinstance(found.state, dict):
            yield from found.state.items()
        elif isinstance(found.state, tuple):
            for part in found.state:
                yield from _children(part) if isinstance(part, dict) else ()


def _tensor_call(found: Described) -> Call | None:
    for _ in range(4):  # a parameter holds a tensor
        if not (isinstance(found, Call) and isinstance(found.function, Global) and found.arguments):
            return None
        if found.function.module != "torch._utils":
            return None
        if found.function.name in _PARAMETERS:
            found = found.arguments[0]
            continue
        return found if found.function.name.startswith("_rebuild_") else None
    return None


def _placed(name: str, call: Call, find: FindStorage, file: str) -> Stored:
    """Return where a tensor lies, or why that can't be said."""
    kind, dtype = call.function.name, ""
    try:
        if kind not in _REBUILT:
            raise WeightsError(f"is a {kind}, which is not read")
        key, *view = call.arguments[:4]
        if len(view) < 3 or not isinstance(key, Persistent):  # noqa: PLR2004
            raise WeightsError("names no storage")
        storage_kind, storage_key = _storage_key(key)
        typed = kind == _UNTYPED and len(call.arguments) > _DTYPE_AT
        dtype = _dtype(call.arguments[_DTYPE_AT] if typed else storage_kind)
        offset, shape, strides = _view(*view)
        storage = find(storage_key)
        if storage is None:
            raise WeightsError("names a storage that is not there")
        return _inside(storage, Stored(name, dtype, shape, storage.source, offset, 0, strides))
    except WeightsError as error:
        return Stored(name, dtype, (), _Nowhere(file), 0, 0, fault=f"`{name}` in {file} {error}")


def _storage_key(reference: Persistent) -> tuple[Described, str]:
    """Return the kind and the key of a storage."""
    key = reference.key
    if not (isinstance(key, tuple) and len(key) > 2 and isinstance(key[2], str)):  # noqa: PLR2004
        raise WeightsError("names no storage")
    return key[1], key[2]


def _view(
    offset: Described, shape: Described, strides: Described
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Return what of a storage a tensor shows: its first element, its lengths, and its steps."""
    if not (isinstance(shape, tuple | list) and is_shape(shape) and type(offset) is int and offset >= 0):
        raise WeightsError("has no usable shape")
    steps = tuple(strides) if isinstance(strides, tuple | list) else ()
    if len(steps) != len(shape) or any(type(step) is not int or step < 0 for step in steps):
        raise WeightsError("has strides that fit no shape")
    return offset, tuple(shape), steps


def _inside(storage: Storage, tensor: Stored) -> Stored:
    """Return a tensor at its bytes, of one whose offset counts elements."""
    known = DTYPES.get(tensor.dtype)
    size = known.size if known else 1
    steps = tensor.strides or ()
    last = tensor.offset + sum((length - 1) * step for length, step in zip(tensor.shape, steps, strict=True))
    needed = (last + 1) * size if tensor.elements else 0
    if needed > storage.size:
        raise WeightsError(f"needs {needed} bytes of a storage that has {storage.size}")
    plain = [math.prod(tensor.shape[axis + 1 :]) for axis in range(len(tensor.shape))]
    differs = any(length > 1 and a != b for length, a, b in zip(tensor.shape, steps, plain, strict=True))
    shape = tensor.shape
    if known and known.elements > 1:  # the pickle counts bytes, each of several elements
        if differs or not shape:
            raise WeightsError(f"is of {tensor.dtype} in another order, which is not read")
        shape = (*shape[:-1], shape[-1] * known.elements)
    return replace(
        tensor,
        shape=shape,
        offset=storage.offset + tensor.offset * size,
        nbytes=tensor.elements * size,
        strides=steps if differs and tensor.elements else None,
    )


def _dtype(found: Described) -> str:
    if not isinstance(found, Global):
        return "unknown"
    return STORAGES.get(found.name) or TORCH_DTYPES.get(found.name) or found.name


class _Nowhere:
    """The source of a tensor that has none."""

    size = request_cost = 0
    identity = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, offset: int, count: int) -> Bytes:
        """Raise WeightsError: nothing is there."""
        raise WeightsError(f"{self.name} has no {count} bytes at {offset} of a tensor that is nowhere")

    def check(self) -> None:
        """Pass: nothing can change."""

    def close(self) -> None:
        """Pass: nothing is held."""
