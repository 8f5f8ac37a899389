"""The tensors inside what a PyTorch pickle describes: found by walking it, placed in their storages."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmri_weights.dtypes import DTYPES
from llmri_weights.files.byte_source import ByteSource
from llmri_weights.files.pickle_machine import Call, Global, Persistent
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
_TYPED, _UNTYPED = ("_rebuild_tensor_v2", "_rebuild_tensor"), "_rebuild_tensor_v3"
_PARAMETERS = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state"})
HARMLESS = frozenset({"torch", "torch._utils", "torch.storage", "torch.serialization", "collections", "_codecs"})


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


def tensors_in(described: Any, find: FindStorage, file: str) -> Iterator[Stored]:
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
        inner = [(f"{name}.{key}" if name else str(key), value) for key, value in _children(found)]
        waiting.extend(reversed(inner))


def foreign_names(names: set[Global]) -> tuple[str, ...]:
    """Return the names that a checkpoint does not need, in order."""
    return tuple(sorted(str(name) for name in names if name.module not in HARMLESS))


def _children(found: Any) -> Iterator[tuple[Any, Any]]:
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


def _tensor_call(found: Any) -> Call | None:
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
    kind = call.function.name
    arguments = call.arguments
    nowhere = _Nowhere(file)
    known = kind in (*_TYPED, _UNTYPED)
    if not known or len(arguments) < 4 or not isinstance(arguments[0], Persistent):  # noqa: PLR2004
        return Stored(name, str(kind).removeprefix("_rebuild_"), (), nowhere, 0, 0, fault=f"`{name}` in {file} is a {kind}, which is not read")
    key = arguments[0].key
    if not (isinstance(key, tuple) and len(key) >= 5 and isinstance(key[2], str)):  # noqa: PLR2004
        return Stored(name, "", (), nowhere, 0, 0, fault=f"`{name}` in {file} names no storage")
    dtype = _dtype(arguments[6] if kind == _UNTYPED and len(arguments) > 6 else key[1])  # noqa: PLR2004
    offset, shape, strides = arguments[1:4]
    shape, strides = _listed(shape), _listed(strides)
    if dtype == "F4":  # two a byte: the pickle counts bytes
        shape, strides = (*shape[:-1], 2 * shape[-1]) if shape else shape, ()
    if not (is_shape(shape) and type(offset) is int and offset >= 0):
        return Stored(name, dtype, (), nowhere, 0, 0, fault=f"`{name}` in {file} has no usable shape")
    size = DTYPES[dtype].size if dtype in DTYPES else 1
    plain = _plain_strides(shape)
    strided = strides if strides and math.prod(shape) > 1 and _differs(shape, strides, plain) else None
    storage = find(key[2])
    fault = _fault(name, storage, offset, shape, strided, size, file) if dtype != "F4" else ""
    return Stored(
        name,
        dtype,
        tuple(shape),
        storage.source if storage else nowhere,
        storage.offset + offset * size if storage else 0,
        math.prod(shape) * size // (DTYPES[dtype].elements if dtype in DTYPES else 1),
        strided,
        fault,
    )


def _listed(found: Any) -> tuple[Any, ...]:
    return tuple(found) if isinstance(found, tuple | list) else ()


def _differs(shape: tuple[int, ...], strides: tuple[int, ...], plain: tuple[int, ...]) -> bool:
    return any(length > 1 and a != b for length, a, b in zip(shape, strides, plain, strict=False))


def _fault(
    name: str, storage: Storage | None, offset: int, shape: Any, strides: Any, size: int, file: str
) -> str:
    if storage is None:
        return f"`{name}` in {file} names a storage that is not there"
    steps = strides or _plain_strides(shape)
    if len(steps) != len(shape) or any(type(step) is not int or step < 0 for step in steps):
        return f"`{name}` in {file} has strides that fit no shape"
    last = offset + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
    needed = (last + 1) * size if math.prod(shape) else 0
    if needed > storage.size:
        return f"`{name}` in {file} needs {needed} bytes of a storage that has {storage.size}"
    return ""


def _plain_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _dtype(found: Any) -> str:
    if not isinstance(found, Global):
        return "unknown"
    return STORAGES.get(found.name) or TORCH_DTYPES.get(found.name) or found.name


class _Nowhere:
    """The source of a tensor that has none."""

    size = 0
    identity = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, offset: int, count: int) -> Any:
        raise AssertionError(f"{self.name}: {count} bytes at {offset} of a tensor that is nowhere")

    def check(self) -> None:
        """Pass: nothing can change."""

    def close(self) -> None:
        """Pass: nothing is held."""
