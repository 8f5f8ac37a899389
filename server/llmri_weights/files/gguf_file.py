"""The header of a GGUF file, versions 1 to 3: keys and values, then tensors, then their data.

Source: docs/gguf.md of ggml. Every count is checked against what is left of the file before anything is kept.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llmri_weights.dtypes import GGML_TYPES, packed_bytes
from llmri_weights.errors import WeightsError
from llmri_weights.files.byte_source import ByteSource
from llmri_weights.files.header_cursor import HeaderCursor
from llmri_weights.files.stored import Contents, Stored, faults, is_shape, with_span_faults

MAGIC = b"GGUF"
VERSIONS = (1, 2, 3)
MOST_HEADER = 1 << 30  # bytes
MOST_AXES = 4
MOST_KEPT = 4096  # items of an array; vocabularies are longer, and skipped
MOST_NAME = 1 << 16  # bytes of a key or a tensor's name
MOST_TEXT = 1 << 24  # bytes of a value
MOST_TENSORS, MOST_VALUES = 1 << 18, 1 << 16
DEEPEST = 4  # arrays of arrays
ALIGNMENT = "general.alignment"
DEFAULT_ALIGNMENT = 32
FEWEST_TENSOR_BYTES = 24

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: _U32,
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: _U64,
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_TEXT, _ARRAY = 8, 9
Value = Any  # a number, a text, or a list of them

SPLIT = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)


def looks_like(source: ByteSource) -> bool:
    """Return whether a source begins as such a file does."""
    return source.size >= len(MAGIC) and source.read(0, len(MAGIC)).tobytes() == MAGIC


def read_gguf(source: ByteSource) -> Contents:
    """Return what a file holds; its keys and values are the metadata, without arrays longer than `MOST_KEPT`.

    Raises:
        WeightsError: Its header is cut short, claims what can't be, or is of an unknown version.
    """
    header = _Header(source)
    metadata = header.metadata()
    tensors = with_span_faults(header.tensors(_alignment(metadata, source)))
    return Contents(tensors, metadata, faults(tensors))


def _alignment(metadata: dict[str, Any], source: ByteSource) -> int:
    found = metadata.get(ALIGNMENT, DEFAULT_ALIGNMENT)
    if type(found) is not int or found <= 0 or found & (found - 1):
        raise WeightsError(f"{source.name} aligns its tensors to {found!r} bytes, expected a power of two")
    return found


class _Header:
    def __init__(self, source: ByteSource) -> None:
        self._source, self._cursor = source, HeaderCursor(source, MOST_HEADER)
        self._cursor.take(len(MAGIC))
        version = self._whole(_U32)
        if version not in VERSIONS:
            swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
            what = "is big-endian" if swapped in VERSIONS else f"is GGUF version {version}"
            raise WeightsError(f"{source.name} {what}; little-endian versions 1 to 3 are read")
        self._length = _U32 if version == 1 else _U64
        self._tensors = self._count("tensors", FEWEST_TENSOR_BYTES, MOST_TENSORS)
        self._values = self._count("values", 1 + self._length.size, MOST_VALUES)

    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self._values):
            key = self._text(MOST_NAME)
            if key in found:
                raise WeightsError(f"the header of {self._source.name} has the key `{key}` twice")
            found[key] = self._value(self._whole(_U32), key, 0)
        return found

    def tensors(self, alignment: int) -> list[Stored]:
        described = [self._tensor() for _ in range(self._tensors)]
        begin = -(-self._cursor.at // alignment) * alignment
        return list(self._placed(described, begin, alignment))

    def _placed(self, described: list[Stored], begin: int, alignment: int) -> Iterator[Stored]:
        seen: set[str] = set()
        for tensor in described:
            fault = tensor.fault
            if tensor.name in seen:
                fault = f"`{tensor.name}` stands twice in {self._source.name}"
            elif tensor.offset % alignment:
                fault = f"`{tensor.name}` begins at {tensor.offset}, expected a multiple of {alignment}"
            seen.add(tensor.name)
            yield replace(tensor, offset=begin + tensor.offset, fault=fault)

    def _tensor(self) -> Stored:
        name = self._text(MOST_NAME)
        axes = self._whole(_U32)
        if axes > MOST_AXES:
            raise WeightsError(
                f"`{name}` in {self._source.name} has {axes} axes, at most {MOST_AXES} are possible"
            )
        shape = tuple(self._whole(self._length) for _ in range(axes))[::-1]
        number, offset = self._whole(_U32), self._whole(_U64)
        dtype = GGML_TYPES.get(number, f"ggml type {number}")
        if not is_shape(shape):
            fault = f"`{name}` in {self._source.name} has the shape {list(shape)}, more than can be counted"
            return Stored(name, dtype, (), self._source, 0, 0, fault=fault)
        size = packed_bytes(dtype, shape)
        fault = ""
        if size is None and dtype in GGML_TYPES.values():
            fault = (
                f"`{name}` in {self._source.name} has rows of {shape[-1]} elements, no whole {dtype} blocks"
            )
        return Stored(name, dtype, shape, self._source, offset, size or 0, fault=fault)

    def _value(self, kind: int, key: str, depth: int) -> Value:
        if kind in _NUMBERS:
            return self._cursor.number(_NUMBERS[kind])
        if kind == _TEXT:
            return self._text(MOST_TEXT)
        if kind != _ARRAY or depth >= DEEPEST:
            raise WeightsError(f"`{key}` in the header of {self._source.name} is of the unknown kind {kind}")
        return self._array(key, depth)

    def _array(self, key: str, depth: int) -> list[Any] | None:
        kind = self._whole(_U32)
        size = _NUMBERS[kind].size if kind in _NUMBERS else self._length.size
        count = self._count(f"items in `{key}`", size)
        if count <= MOST_KEPT:
            return [self._value(kind, key, depth + 1) for _ in range(count)]
        if kind in _NUMBERS:
            self._cursor.skip(count * size)
            return None
        for _ in range(count):
            if kind == _TEXT:
                self._cursor.skip(self._whole(self._length))
            else:
                self._value(kind, key, depth + 1)
        return None

    def _count(self, what: str, least_bytes: int, most: int | None = None) -> int:
        count = self._whole(self._length)
        if most is not None and count > most:
            raise WeightsError(
                f"the header of {self._source.name} claims {count} {what}, at most {most} are read"
            )
        if count * least_bytes > self._cursor.left:
            raise WeightsError(
                f"the header of {self._source.name} claims {count} {what}, "
                f"more than the {self._cursor.left} bytes that are left can hold"
            )
        return count

    def _text(self, most: int) -> str:
        length = self._whole(self._length)
        if length > most:
            raise WeightsError(
                f"a text in the header of {self._source.name} has {length} bytes, at most {most} are read"
            )
        return self._cursor.take(length).decode("utf-8", errors="replace")

    def _whole(self, kind: struct.Struct) -> int:
        return int(self._cursor.number(kind))
