import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmri_protocol import FrameReceiver, RemoteProtocolError
from llmri_protocol.frames import TAIL, WINDOW, header
from llmri_protocol.memory import ALIGNMENT

LIMIT = 100_000
SIZES = st.one_of(
    st.integers(0, 300),
    st.sampled_from([WINDOW - 5, WINDOW - 4, WINDOW - 3, WINDOW, WINDOW + TAIL, WINDOW + TAIL + 1, LIMIT]),
)


def frame(body: bytes) -> bytes:
    return header(len(body)) + body


def bodies_of(sizes: list[int]) -> list[bytes]:
    return [np.random.default_rng(number).bytes(size) for number, size in enumerate(sizes)]


def received(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Receive a stream in pieces of at most the sizes in `cuts`, in turn, as a socket would give it."""
    receiver, bodies, position, number = FrameReceiver(LIMIT), [], 0, 0
    while position < len(stream):
        buffer = receiver.buffer()
        assert len(buffer) > 0
        count = min(len(buffer), cuts[number % len(cuts)], len(stream) - position)
        buffer[:count] = stream[position : position + count]
        bodies += [bytes(body) for body in receiver.advance(count)]
        position, number = position + count, number + 1
    assert receiver.idle
    return bodies


@given(st.lists(SIZES, max_size=8), st.lists(st.integers(1, 20_000), min_size=1, max_size=5))
@example([3, 0, WINDOW, 1], [1])
@example([LIMIT, LIMIT, 5, LIMIT], [1 << 30])
def test_however_a_stream_is_cut_the_same_bodies_come_out(sizes: list[int], cuts: list[int]) -> None:
    bodies = bodies_of(sizes)
    assert received(b"".join(map(frame, bodies)), cuts) == bodies


def test_a_frame_alone_and_beside_its_neighbours_is_the_same() -> None:
    bodies = bodies_of([10, WINDOW * 3, 0, 20])
    alone = [body for each in bodies for body in FrameReceiver(LIMIT).feed(frame(each))]
    together = FrameReceiver(LIMIT).feed(b"".join(map(frame, bodies)))
    assert [bytes(body) for body in alone] == [bytes(body) for body in together] == bodies


def test_a_body_belongs_to_nobody_else() -> None:
    receiver = FrameReceiver(LIMIT)
    first, second, third = receiver.feed(b"".join(map(frame, bodies_of([500, 500, WINDOW * 2]))))
    before = bytes(second), bytes(third)
    first[:] = bytes(500)
    receiver.feed(frame(b"\xff" * 500))
    assert not first.readonly
    assert (bytes(second), bytes(third)) == before
    assert bytes(first) == bytes(500)


@pytest.mark.parametrize("size", [1, 37, 400, WINDOW, LIMIT - 3])
def test_a_body_ends_on_an_aligned_address(size: int) -> None:
    (body,) = FrameReceiver(LIMIT).feed(frame(bytes(size)))
    assert (np.frombuffer(body, np.uint8).ctypes.data + size) % ALIGNMENT == 0


def test_a_large_body_is_received_straight_into_its_own_memory() -> None:
    receiver = FrameReceiver(LIMIT)
    receiver.feed(header(50_000))
    place = receiver.buffer()
    assert len(place) == 50_000 + TAIL
    place[:50_000] = b"\x07" * 50_000
    (body,) = receiver.advance(50_000)
    assert np.shares_memory(np.frombuffer(body, np.uint8), np.frombuffer(place, np.uint8))


def test_a_length_over_the_limit_is_refused_with_both_numbers() -> None:
    receiver = FrameReceiver(10)
    assert receiver.feed(header(11)) == []
    with pytest.raises(RemoteProtocolError, match=r"11 bytes was announced, expected at most 10") as caught:
        receiver.buffer()
    assert caught.value.fatal
    assert caught.value.code == "too_long"
    with pytest.raises(RemoteProtocolError):
        receiver.advance(0)


def test_a_body_at_the_limit_is_taken() -> None:
    assert [bytes(body) for body in FrameReceiver(10).feed(frame(b"0123456789"))] == [b"0123456789"]


@given(st.integers(1, 100))
def test_bodies_before_a_length_over_the_limit_are_still_given(cut: int) -> None:
    stream = frame(b"first") + frame(b"second") + header(2**32 - 1) + b"more"
    receiver, bodies = FrameReceiver(10), []
    for start in range(0, len(stream), cut):
        if not receiver.broken:
            bodies += [bytes(body) for body in receiver.feed(stream[start : start + cut])]
    assert bodies == [b"first", b"second"]
    assert receiver.broken is not None


@pytest.mark.parametrize("count", [-1, WINDOW + 1])
def test_a_count_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} bytes were reported for a buffer of {WINDOW}"):
        FrameReceiver(LIMIT).advance(count)


def test_idle_between_frames_only() -> None:
    receiver = FrameReceiver(LIMIT)
    assert receiver.idle
    receiver.feed(b"\0")
    assert not receiver.idle
    receiver.feed(b"\0\0\x02a")
    assert not receiver.idle
    receiver.feed(b"b")
    assert receiver.idle
