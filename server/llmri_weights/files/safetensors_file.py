"""The header of a safetensors file: eight bytes of length, then JSON, then the tensors."""

import json
from collections.abc import Iterator
from typing import Any

from llmri_weights.dtypes import packed_bytes
from llmri_weights.errors import WeightsError
from llmri_weights.files.byte_source import ByteSource
from llmri_weights.files.stored import Contents, Stored, faults, is_shape, with_span_faults

LENGTH_BYTES = 8
MOST_HEADER = 100_000_000  # bytes, as the safetensors library has it
METADATA = "__metadata__"
BEGIN = b"{"


class _TwiceError(ValueError):
    """A key stands twice in a JSON object."""


def looks_like(source: ByteSource) -> bool:
    """Return whether a source begins as such a file does."""
    if source.size <= LENGTH_BYTES:
        return False
    head = source.read(0, LENGTH_BYTES + 1).tobytes()
    return head[LENGTH_BYTES:] == BEGIN and int.from_bytes(head[:LENGTH_BYTES], "little") <= MOST_HEADER


def read_safetensors(source: ByteSource) -> Contents:
    """Return what a file holds.

    Raises:
        WeightsError: Its header is cut short, too long or no JSON.
    """
    header, begin = _header(source)
    metadata = header.pop(METADATA, {})
    tensors = with_span_faults(_tensors(header, source, begin))
    plain = metadata if isinstance(metadata, dict) else {}
    return Contents(tensors, plain, faults(tensors))


def _header(source: ByteSource) -> tuple[dict[str, Any], int]:
    if source.size < LENGTH_BYTES:
        raise WeightsError(
            f"{source.name} has {source.size} bytes, at least {LENGTH_BYTES} are wanted: no safetensors file"
        )
    length = int.from_bytes(source.read(0, LENGTH_BYTES).tobytes(), "little")
    begin = LENGTH_BYTES + length
    if length > MOST_HEADER:
        raise WeightsError(
            f"the header of {source.name} claims {length} bytes, at most {MOST_HEADER} are read"
        )
    if begin > source.size:
        raise WeightsError(
            f"{source.name} has {source.size} bytes, but its header alone claims {begin}: it is cut short"
        )
    try:
        header = json.loads(source.read(LENGTH_BYTES, length).tobytes(), object_pairs_hook=_once)
    except _TwiceError as error:
        raise WeightsError(f"the header of {source.name} names `{error}` twice") from None
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"the header of {source.name} is no JSON: {error}") from None
    if not isinstance(header, dict):
        raise WeightsError(f"the header of {source.name} is no JSON object")
    return header, begin


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _tensors(header: dict[str, Any], source: ByteSource, begin: int) -> Iterator[Stored]:
    for name, entry in header.items():
        values = entry if isinstance(entry, dict) else {}
        dtype, shape, span = values.get("dtype"), values.get("shape"), _span(values.get("data_offsets"))
        if not (isinstance(dtype, str) and isinstance(shape, list) and is_shape(shape)) or span is None:
            fault = f"`{name}` in {source.name} has no usable dtype, shape and data_offsets"
            yield Stored(name, str(dtype), (), source, begin, 0, fault=fault)
            continue
        first, last = span
        expected, found = packed_bytes(dtype, shape), last - first
        fault = ""
        if expected is not None and expected != found:
            fault = (
                f"`{name}` in {source.name} has {found} bytes, but {dtype} of shape {shape} takes {expected}"
            )
        yield Stored(name, dtype, tuple(shape), source, begin + first, found, fault=fault)


def _span(found: object) -> tuple[int, int] | None:
    """Return where something begins and ends, or None where that is not said."""
    if not isinstance(found, list) or [type(end) for end in found] != [int, int]:
        return None
    first, last = found
    return (first, last) if 0 <= first <= last else None
