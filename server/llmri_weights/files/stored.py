"""A tensor as a file stores it, and the checks that every format needs."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmri_weights.files.byte_source import ByteSource

MOST_ELEMENTS = 1 << 62
MOST_AXES = 32


@dataclass(frozen=True)
class Stored:
    """Where a tensor's bytes lie.

    Attributes:
        name: As the file calls it.
        dtype: A name of the table in `dtypes`, or the file's own where that knows none.
        shape: Of the stored elements, the last axis being contiguous.
        source: What holds the bytes.
        offset: Of its first byte.
        nbytes: How many bytes its elements take.
        strides: Elements from one index of each axis to the next, where they are not those of the shape.
        fault: Why it can't be read; empty where it can.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    source: ByteSource
    offset: int
    nbytes: int
    strides: tuple[int, ...] | None = None
    fault: str = ""

    @property
    def elements(self) -> int:
        """Return how many elements it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Contents:
    """What one or several files hold together.

    Attributes:
        tensors: In the order of the files.
        metadata: What the files say besides, by key.
        problems: Sentences about what is wrong with them; what is good is in `tensors` all the same.
        notices: Sentences about what was left aside.
    """

    tensors: tuple[Stored, ...]
    metadata: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def is_shape(found: object) -> bool:
    """Return whether something is a list of lengths whose product is one that an index can count."""
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) > MOST_AXES:
        return False
    lengths = all(type(length) is int and 0 <= length <= MOST_ELEMENTS for length in found)
    return lengths and math.prod(found) <= MOST_ELEMENTS


def with_span_faults(tensors: Iterable[Stored]) -> tuple[Stored, ...]:
    """Return tensors of files, marking those that reach past the end or lie over an earlier one."""
    checked = list(tensors)
    reached: dict[int, tuple[int, str]] = {}
    for index in sorted(range(len(checked)), key=lambda index: checked[index].offset):
        tensor = checked[index]
        if tensor.fault or not tensor.nbytes:
            continue
        end, source = tensor.offset + tensor.nbytes, tensor.source
        before, other = reached.get(id(source), (0, ""))
        if end > source.size:
            fault = (
                f"`{tensor.name}` ends at byte {end}, but {source.name} at byte {source.size}: "
                "the file is cut short, or its header wrong"
            )
        elif tensor.offset < before:
            fault = (
                f"`{tensor.name}` begins at byte {tensor.offset}, inside `{other}`, which ends at {before}"
            )
        else:
            reached[id(source)] = (end, tensor.name)
            continue
        checked[index] = replace(tensor, fault=fault)
    return tuple(checked)


def faults(tensors: Iterable[Stored]) -> tuple[str, ...]:
    """Return the sentences of the tensors that can't be read."""
    return tuple(tensor.fault for tensor in tensors if tensor.fault)
