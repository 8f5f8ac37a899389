"""Reads the chunks of an MCAP file by their checksums: those in order, and those behind a damage."""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from llmri_client.sessions import mcap_records as mcap
from llmri_protocol.frames import SERVER_LIMIT

BLOCK = 8 << 20  # bytes read at once
LARGEST_CHUNK = SERVER_LIMIT + (1 << 20)  # unpacked
LEAST_CHUNK = mcap.CHUNK_HEAD.size
SEARCHED_AGAIN = 4  # times the file's size: what checksums of false beginnings may cost
# A chunk's beginning: its opcode, and a length below 4 GiB.
_BEGINNING = re.compile(rb"\x06(?=[\x00-\xff]{4}\x00{4})", re.DOTALL)
_LONGEST_NAME = 16


class ChunkError(ValueError):
    """A chunk is damaged, or has no checksum; the message says what is wrong with it."""


@dataclass(frozen=True)
class Fault:
    """What a file lost at some place.

    Attributes:
        offset: Where, in bytes from the beginning.
        kind: What is wrong there, in a few words.
        lost: How many messages, as far as their numbers tell.
    """

    offset: int
    kind: str
    lost: int = 0


@dataclass(frozen=True)
class Chunk:
    """A chunk whose checksum holds.

    Attributes:
        offset: Of its record.
        length: Of its record.
        records: What is in it, unpacked.
    """

    offset: int
    length: int
    records: memoryview


@dataclass(frozen=True)
class Message:
    """A message's record in a chunk.

    Attributes:
        first: Where its record begins among the chunk's.
        channel: The id of its channel in the file.
        sequence: Its number.
        time: In nanoseconds since 1970.
        body: As it was sent.
    """

    first: int
    channel: int
    sequence: int
    time: int
    body: memoryview


class Bytes:
    """The bytes of a file that may be cut under us: read, never mapped, so that it ends in an error.

    Args:
        descriptor: Open for reading; it stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self.size = os.fstat(descriptor).st_size
        self._start = 0
        self._block = b""

    def take(self, offset: int, length: int) -> memoryview:
        """Return these bytes; fewer where the file ends."""
        inside = offset - self._start
        if not (inside >= 0 and inside + length <= len(self._block)):
            self._block, self._start, inside = self._read(offset, max(length, BLOCK)), offset, 0
        return memoryview(self._block)[inside : inside + length]

    def exactly(self, offset: int, length: int) -> memoryview:
        """Return these bytes and read no others.

        Raises:
            ChunkError: The file ends before.
        """
        data = self._read(offset, length)
        if len(data) < length:
            raise ChunkError(f"the file ends at byte {offset + len(data)}, expected {offset + length}")
        return memoryview(data)

    def _read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        pieces: list[bytes] = []
        while length and (piece := os.pread(self._file, length, offset)):
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def chunk_at(data: Bytes, offset: int, length: int | None = None) -> Chunk:
    """Return the chunk at an offset; its length, where it is known, saves reading ahead.

    Raises:
        ChunkError: There is none whose checksum holds.
    """
    head = data.exactly(offset, length) if length else data.take(offset, mcap.RECORD.size)
    if len(head) < mcap.RECORD.size:
        raise ChunkError("the file is cut off here")
    opcode, size = mcap.RECORD.unpack_from(head)
    whole = mcap.RECORD.size + size
    if opcode != mcap.CHUNK or size < LEAST_CHUNK or (length is not None and whole != length):
        raise ChunkError("there is no chunk here")
    if offset + whole > data.size:
        raise ChunkError("the file is cut off in this chunk")
    record = head if length else data.take(offset, whole)
    return Chunk(offset, whole, _records(record[mcap.RECORD.size : whole]))


def chunks(data: Bytes, faults: list[Fault], offset: int = len(mcap.MAGIC)) -> Iterator[Chunk]:
    """Yield the chunks from an offset on in order, and note each place where something is damaged.

    After a damage the next chunk is looked for whose checksum holds, so that no byte of a damaged one is
    taken for a message.
    """
    budget = SEARCHED_AGAIN * data.size
    while offset < data.size:
        head = data.take(offset, mcap.RECORD.size)
        opcode, size = mcap.RECORD.unpack_from(head) if len(head) == mcap.RECORD.size else (0, 0)
        if opcode == mcap.CHUNK:
            try:
                chunk = chunk_at(data, offset)
            except ChunkError as error:
                faults.append(Fault(offset, str(error)))
                offset, budget = _next_chunk(data, offset + 1, budget)
                continue
            yield chunk
            offset += chunk.length
        elif opcode == mcap.DATA_END and size == 4:  # noqa: PLR2004 - a CRC
            return
        elif opcode == mcap.MESSAGE:
            faults.append(Fault(offset, "a message outside of a chunk has no checksum", 1))
            offset += mcap.RECORD.size + size
        elif 0 < opcode < mcap.DATA_END and offset + mcap.RECORD.size + size <= data.size:
            offset += mcap.RECORD.size + size
        else:
            faults.append(Fault(offset, "no record, or one cut off"))
            offset, budget = _next_chunk(data, offset + 1, budget)
    faults.append(Fault(data.size, "the file was not ended, so that nothing says what should follow"))


def messages(chunk: Chunk) -> Iterator[tuple[int, memoryview] | Message]:
    """Yield the records of a chunk: its messages, and of others the opcode and body.

    Raises:
        ChunkError: Its records do not fit into it.
    """
    place, records = 0, chunk.records
    while place < len(records):
        if place + mcap.RECORD.size > len(records):
            raise ChunkError("a record in this chunk is cut off")
        opcode, size = mcap.RECORD.unpack_from(records, place)
        body = records[place + mcap.RECORD.size : place + mcap.RECORD.size + size]
        if len(body) < size:
            raise ChunkError("a record in this chunk is cut off")
        yield message_of(place, body) if opcode == mcap.MESSAGE else (opcode, body)
        place += mcap.RECORD.size + size


def message_at(chunk: Chunk, first: int) -> Message:
    """Return the message whose record begins there in a chunk.

    Raises:
        ChunkError: None does.
    """
    head = chunk.records[first : first + mcap.RECORD.size]
    if len(head) == mcap.RECORD.size:
        opcode, size = mcap.RECORD.unpack(head)
        body = chunk.records[first + mcap.RECORD.size : first + mcap.RECORD.size + size]
        if opcode == mcap.MESSAGE and len(body) == size:
            return message_of(first, body)
    raise ChunkError("the index names a message that is not in its chunk")


def message_of(first: int, body: memoryview) -> Message:
    """Return the message in a record's body.

    Raises:
        ChunkError: It is too short.
    """
    if len(body) < mcap.MESSAGE_HEAD.size:
        raise ChunkError("a message in this chunk is cut off")
    channel, sequence, time, _ = mcap.MESSAGE_HEAD.unpack_from(body)
    return Message(first, channel, sequence, time, body[mcap.MESSAGE_HEAD.size :])


def _records(body: memoryview) -> memoryview:
    """Return the records of a chunk, unpacked, where its checksum holds."""
    _, _, size, crc, named = struct.unpack_from("<QQQII", body)
    start = 32 + named + 8
    if named > _LONGEST_NAME or start > len(body):
        raise ChunkError("this chunk is damaged: its head does not fit")
    (packed_size,) = struct.unpack_from("<Q", body, 32 + named)
    if packed_size != len(body) - start or size > LARGEST_CHUNK:
        raise ChunkError("this chunk is damaged: its sizes do not agree")
    records = _unpacked(body[start:], bytes(body[32 : 32 + named]), size)
    if crc == 0:
        raise ChunkError("this chunk has no checksum, so that nothing in it can be believed")
    if len(records) != size or zlib.crc32(records) != crc:
        raise ChunkError("this chunk is damaged: its checksum does not hold")
    return records


def _unpacked(packed: memoryview, name: bytes, size: int) -> memoryview:
    """Return the records as they were before they were packed, at most `size` bytes."""
    try:
        if name == b"zstd":
            import zstandard  # noqa: PLC0415 - only files of other writers are packed

            return memoryview(zstandard.ZstdDecompressor().decompress(packed, max_output_size=size))
        if name == b"lz4":
            import lz4.frame  # noqa: PLC0415 - as above

            data: bytes = lz4.frame.LZ4FrameDecompressor().decompress(bytes(packed), max_length=size + 1)
            return memoryview(data)
    except Exception as error:
        raise ChunkError(f"this chunk cannot be unpacked: {error}") from None
    if name:
        raise ChunkError(f"this chunk is packed by {name.decode(errors='replace')!r}, expected zstd or lz4")
    return packed


def _next_chunk(data: Bytes, offset: int, budget: int) -> tuple[int, int]:
    """Return where the next chunk is whose checksum holds, or the file's end; and what is left to search."""
    while offset < data.size and budget > 0:
        block = data.take(offset, BLOCK)
        for found in _BEGINNING.finditer(block):
            here = offset + found.start()
            (size,) = struct.unpack_from("<Q", block, found.start() + 1)
            if size < LEAST_CHUNK or here + mcap.RECORD.size + size > data.size:
                continue
            budget -= size
            if budget > 0 and _holds(data, here, mcap.RECORD.size + size):
                return here, budget
        offset += max(1, len(block) - mcap.RECORD.size)
    return data.size, budget


def _holds(data: Bytes, offset: int, length: int) -> bool:
    try:
        chunk_at(data, offset, length)
    except ChunkError:
        return False
    return True
