"""Room in the catalogue: messages with several arrays, each sent from its own memory. Made up here."""

from typing import Annotated, Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from llmri_protocol.catalogue import ServerEntry, ServerMessage, small
from llmri_protocol.codec import encode, sent_apart

ENTRY = ServerEntry(plain=None, weight=small, check=None)


class SparseScan(ServerMessage, frozen=True, kw_only=True, tag="sparse_scan"):
    """A scan of the few units that are not zero: where they are, and what they are."""

    entry = ENTRY

    turn: int
    index: Annotated[memoryview, Meta(description="u32, little-endian")]
    value: Annotated[memoryview, Meta(description="f32, little-endian")]


class Tile(ServerMessage, frozen=True, kw_only=True, tag="tile"):
    """A tile of a tensor."""

    entry = ENTRY

    level: int
    row: int
    data: memoryview


class Masked(ServerMessage, frozen=True, kw_only=True, tag="masked"):
    """One whose first array is none of the last fields, and travels inside."""

    entry = ENTRY

    mask: memoryview
    turn: int
    data: memoryview


def test_the_last_fields_that_are_arrays_are_sent_apart() -> None:
    assert sent_apart(SparseScan) == ("index", "value")
    assert sent_apart(Tile) == sent_apart(Masked) == ("data",)


def test_nothing_is_copied() -> None:
    index, value = np.arange(300, dtype=np.uint32), np.arange(70_000, dtype=np.float32)
    head, first, between, second = encode(SparseScan(turn=1, index=index.data, value=value.data))
    assert np.shares_memory(np.frombuffer(first, np.uint32), index)
    assert np.shares_memory(np.frombuffer(second, np.float32), value)
    assert len(head) + len(between) < 60


@given(
    index=st.integers(0, 70_000).map(bytes) | st.binary(max_size=300),
    value=st.sampled_from([0, 1, 255, 256, 65_535, 65_536]).map(lambda count: b"v" * count),
)
def test_every_reader_of_messagepack_reads_them(index: bytes, value: bytes) -> None:
    message = SparseScan(turn=3, index=memoryview(index), value=memoryview(value))
    frame = b"".join(map(bytes, encode(message)))
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert msgpack.unpackb(frame[4:]) == {"type": "sparse_scan", "turn": 3, "index": index, "value": value}
    assert msgspec.msgpack.decode(frame[4:], type=SparseScan) == message


@pytest.mark.parametrize(
    "message",
    [
        Tile(level=1, row=2, data=memoryview(b"abc")),
        Masked(mask=memoryview(b"m" * 300), turn=1, data=memoryview(b"d")),
        Masked(mask=memoryview(b""), turn=1, data=memoryview(b"")),
    ],
)
def test_tiles_and_arrays_inside_survive_the_wire(message: Any) -> None:
    frame = b"".join(map(bytes, encode(message)))
    assert msgspec.msgpack.decode(frame[4:], type=type(message)) == message
