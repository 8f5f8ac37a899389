"""The one invariant: any bytes give messages or a `RemoteProtocolError`, in bounded memory."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_protocol import (
    ClientConnection,
    FrameReceiver,
    Message,
    RemoteProtocolError,
    Scan,
    ServerConnection,
    array_of,
    decode,
    decode_plain,
    encode,
)
from llmri_protocol.frames import TAIL, WINDOW, header
from tests.protocol.strategies import CLIENT_KINDS, PLAIN_CLIENT_KINDS, SERVER_KINDS, any_message

LIMIT = 1 << 16
Connection = ServerConnection | ClientConnection

thorough = settings(max_examples=500, deadline=None)

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(-5, 5), inner),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    sorted({name for kind in CLIENT_KINDS + SERVER_KINDS for name in kind.__struct_fields__})
)
TYPES = st.sampled_from([str(kind.__struct_config__.tag) for kind in CLIENT_KINDS + SERVER_KINDS])
LIKELY = st.builds(lambda kind, fields: {"type": kind, **fields}, TYPES, st.dictionaries(FIELDS, JUNK))
BODIES = st.binary(max_size=200) | (JUNK | LIKELY).map(msgpack.packb)


def frame(body: bytes) -> bytes:
    return header(len(body)) + body


def connections() -> list[Connection]:
    """Return a connection in each state that bytes can reach."""
    fresh, native, viewer, plain = (ServerConnection(LIMIT) for _ in range(4))
    native.feed(b"".join(ClientConnection().hello("fuzz", "controller")))
    viewer.feed(b"".join(ClientConnection().hello("fuzz", "viewer")))
    plain.assume_plain()
    client, opened = ClientConnection(LIMIT), ClientConnection(LIMIT)
    client.hello("fuzz")
    opened.hello("fuzz")
    opened.state = "open"
    return [fresh, native, viewer, plain, ServerConnection(LIMIT, access_token="a"), client, opened]


def check(events: list[Any]) -> None:
    for event in events:
        assert isinstance(event, Message | RemoteProtocolError)
        if isinstance(event, Scan):
            array_of(event)
        if isinstance(event, RemoteProtocolError):
            encode(event.answer())


@thorough
@given(st.binary(max_size=500), st.integers(1, 500))
def test_any_stream_gives_messages_or_remote_errors(stream: bytes, cut: int) -> None:
    for connection in connections():
        for start in range(0, len(stream), cut):
            check(connection.feed(stream[start : start + cut]))


@settings(max_examples=150, deadline=None)
@given(st.lists(BODIES, max_size=4))
def test_any_bodies_give_messages_or_remote_errors(bodies: list[bytes]) -> None:
    for connection in connections():
        check(connection.feed(b"".join(map(frame, bodies))))


@thorough
@given(any_message(CLIENT_KINDS + SERVER_KINDS), st.data())
def test_a_damaged_frame_gives_messages_or_remote_errors(message: Message, data: st.DataObject) -> None:
    stream = bytearray(b"".join(encode(message)))
    for _ in range(data.draw(st.integers(1, 4))):
        damage(stream, data)
    for connection in connections():
        check(connection.feed(stream))


def damage(stream: bytearray, data: st.DataObject) -> None:
    """Change, remove or insert some bytes."""
    place = data.draw(st.integers(0, len(stream)))
    removed = data.draw(st.integers(0, 4))
    stream[place : place + removed] = data.draw(st.binary(max_size=4))


def decoded_or_refused(body: bytearray) -> Message | RemoteProtocolError:
    try:
        return decode_plain(body)
    except RemoteProtocolError as error:
        return error


@thorough
@given(any_message(PLAIN_CLIENT_KINDS), st.data())
def test_damaged_json_gives_a_message_or_a_remote_error(message: Message, data: st.DataObject) -> None:
    body = bytearray(msgspec.json.encode(message))
    damage(body, data)
    check([decoded_or_refused(body)])


@pytest.mark.parametrize("depth", [10, 1000, 100_000])
@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"[", b'{"a":'])
@pytest.mark.parametrize("prefix", [b"", b"\x82\xa2id\x01\xa1z", b'{"id":'])
def test_deep_nesting_is_a_remote_error(depth: int, opening: bytes, prefix: bytes) -> None:
    body = prefix + opening * depth
    for decoder in (
        lambda: decode(body, "client"),
        lambda: decode(body, "server"),
        lambda: decode_plain(body),
    ):
        with pytest.raises(RemoteProtocolError):
            decoder()


def peak(action: Callable[[], object]) -> int:
    """Return the most bytes that an action held at once."""
    action()  # caches and interned strings are not the peer's doing
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 2**32 - 1])
def test_a_length_over_the_limit_allocates_nothing(length: int) -> None:
    receiver = FrameReceiver(LIMIT)

    def announce() -> None:
        if not receiver.broken:
            receiver.feed(header(length))

    tracemalloc.start()
    try:
        announce()
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()
    assert receiver.broken is not None


@pytest.mark.parametrize("size", [1, 4096, LIMIT])
def test_a_receiver_holds_one_body_and_one_window_at_most(size: int) -> None:
    stream = frame(bytes(size)) * 20

    def receive() -> None:
        receiver, position = FrameReceiver(LIMIT), 0
        while position < len(stream):
            position += WINDOW // 2
            receiver.feed(stream[position - WINDOW // 2 : position])

    given_away = LIMIT  # the body that one call completes while the next begins
    assert peak(receive) < given_away + LIMIT + 2 * WINDOW + TAIL + 10_000


WORST: dict[str, bytes] = {
    "small units": b"\x91\x83\xa4site\xa0\xa5layer\x00\xa5units\xdd\x00\x00\xff\x00" + b"\x01" * 0xFF00,
    "large units": b"\x91\x83\xa4site\xa0\xa5layer\x00\xa5units\xdd\x00\x00\x54\x00"
    + b"\xcd\xff\xff" * 0x5400,
    "edits": b"\xdd\x00\x00\x0a\x00" + b"\x83\xa4site\xa0\xa5layer\x00\xa5units\x91\x00" * 0xA00,
    "a length that lies": b"\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("edits", WORST.values(), ids=WORST)
def test_the_worst_body_takes_a_small_multiple_of_the_limit(edits: bytes) -> None:
    stream = frame(b"\x83\xa4type\xa9intervene\xa2id\x01\xa5edits" + edits)
    assert len(stream) <= LIMIT + 4

    def receive() -> None:
        _, native, *_ = connections()
        check(native.feed(stream))

    assert peak(receive) < 24 * LIMIT


def test_a_peer_cannot_make_numbers_of_single_bytes_into_gigabytes() -> None:
    zeros = b"\xdd\x00\x00\xf0\x00" + b"\x00" * 0xF000
    stats = b"\x84\xa3min" + zeros
    body = b"\x82\xa4type\xa4scan\xa5stats" + stats
    with pytest.raises(RemoteProtocolError, match="length is at most 4096"):
        decode(body, "server")


def test_the_worst_json_takes_a_small_multiple_of_the_limit() -> None:
    entries = ",".join(f'"{unit}":0' for unit in range(1000, 1000 + LIMIT // 10))
    stream = frame(f'{{"type":"intervention","layer":1,"interventions":{{{entries}}}}}'.encode())
    assert len(stream) <= LIMIT

    def receive() -> None:
        check(ServerConnection(LIMIT).feed(stream))

    assert peak(receive) < 40 * LIMIT
