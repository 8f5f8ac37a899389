"""The records of an MCAP file (https://mcap.dev/spec, version 0), as far as sessions are made of them.

A file is `MAGIC`, records, `MAGIC`. A record is its opcode (a byte), the length of its body (64 bits) and the
body; numbers are little-endian. Sessions have one message a chunk, uncompressed and with its CRC, so that
whatever is believed of a message is covered by a checksum, and a file that breaks off loses at most the last.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
ATTACHMENT, ATTACHMENT_INDEX, STATISTICS, METADATA, METADATA_INDEX, SUMMARY_OFFSET, DATA_END = range(9, 16)

RECORD = struct.Struct("<BQ")
CHUNK_HEAD = struct.Struct("<QQQIIQ")  # start, end, size, CRC, an empty name of compression, size again
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
MESSAGE_INDEX_OF_ONE = struct.Struct("<HIQQ")  # channel, bytes of entries, log time, offset in the chunk
INDEX_SIZE = RECORD.size + MESSAGE_INDEX_OF_ONE.size
CHUNK_INDEX_OF_ONE = struct.Struct("<QQQQIHQQIQQ")
FOOTER_BODY = struct.Struct("<QQI")

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Channel:
    """What messages of one kind are written under.

    Attributes:
        number: Its id in the file; its schema has the same.
        topic: As other readers show it, such as `/scan/resid_post`.
        schema: The type of its messages.
        metadata: What else is said of it.
    """

    number: int
    topic: str
    schema: str
    metadata: Mapping[str, str]

    def records(self) -> bytes:
        """Return the records of its schema and of itself."""
        schema = struct.pack("<H", self.number) + text(self.schema) + text("") + struct.pack("<I", 0)
        channel = struct.pack("<HH", self.number, self.number) + text(self.topic) + text("msgpack")
        return record(SCHEMA, schema) + record(CHANNEL, channel + mapping(self.metadata))


@dataclass(frozen=True)
class ChunkPlace:
    """Where a chunk with one message is, and what an index says of it.

    Attributes:
        offset: Of its record, from the file's beginning.
        length: Of its record, without the message's index behind it.
        first: Of the message's record inside the chunk.
        channel: The message's.
        time: The message's, in nanoseconds.
    """

    offset: int
    length: int
    first: int
    channel: int
    time: int


def text(value: str) -> bytes:
    """Return a text with its length."""
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def mapping(values: Mapping[str, str]) -> bytes:
    """Return texts by name, with their length in bytes."""
    data = b"".join(text(name) + text(value) for name, value in values.items())
    return struct.pack("<I", len(data)) + data


def record(opcode: int, body: bytes) -> bytes:
    """Return a record."""
    return RECORD.pack(opcode, len(body)) + body


def header(profile: str, library: str) -> bytes:
    """Return the first record."""
    return record(HEADER, text(profile) + text(library))


def chunk_of_one(
    channel: Channel, sequence: int, time: int, body: Sequence[Buffer], *, declare: bool
) -> tuple[list[Buffer], int]:
    """Return a chunk with one message and the message's index, in pieces, and where the message begins in it.

    Args:
        channel: The message's.
        sequence: Its number in the file.
        time: In nanoseconds since 1970.
        body: What is written, in pieces, each a buffer of bytes; none is copied.
        declare: Whether the channel's own records come before it.
    """
    length = sum(len(piece) for piece in body)
    head = RECORD.pack(MESSAGE, MESSAGE_HEAD.size + length) + MESSAGE_HEAD.pack(
        channel.number, sequence, time, time
    )
    declared = channel.records() if declare else b""
    crc = zlib.crc32(head, zlib.crc32(declared))
    for piece in body:
        crc = zlib.crc32(piece, crc)
    size = len(declared) + len(head) + length
    chunk = RECORD.pack(CHUNK, CHUNK_HEAD.size + size) + CHUNK_HEAD.pack(time, time, size, crc, 0, size)
    index = RECORD.pack(MESSAGE_INDEX, MESSAGE_INDEX_OF_ONE.size) + MESSAGE_INDEX_OF_ONE.pack(
        channel.number, 16, time, len(declared)
    )
    return [chunk, declared + head, *body, index], len(declared)


def chunk_index(place: ChunkPlace) -> bytes:
    """Return a chunk's record in the summary."""
    size = place.length - RECORD.size - CHUNK_HEAD.size
    return RECORD.pack(CHUNK_INDEX, CHUNK_INDEX_OF_ONE.size) + CHUNK_INDEX_OF_ONE.pack(
        place.time,
        place.time,
        place.offset,
        place.length,
        10,  # bytes of one entry of the map: the channel and where its index is
        place.channel,
        place.offset + place.length,
        INDEX_SIZE,
        0,
        size,
        size,
    )


def attachment(name: str, media_type: str, time: int, data: bytes) -> bytes:
    """Return a file within the file, with its CRC."""
    body = (
        struct.pack("<QQ", time, time) + text(name) + text(media_type) + struct.pack("<Q", len(data)) + data
    )
    return record(ATTACHMENT, body + struct.pack("<I", zlib.crc32(body)))


def attachment_index(name: str, media_type: str, time: int, *, size: int, offset: int, length: int) -> bytes:
    """Return an attachment's record in the summary; `length` is that of its whole record."""
    head = struct.pack("<QQQQQ", offset, length, time, time, size)
    return record(ATTACHMENT_INDEX, head + text(name) + text(media_type))


def statistics(channels: Sequence[Channel], places: Sequence[ChunkPlace], attachments: int) -> bytes:
    """Return the counts of the whole file."""
    counts = dict.fromkeys((channel.number for channel in channels), 0)
    for place in places:
        counts[place.channel] += 1
    times = [place.time for place in places] or [0]
    head = struct.pack(
        "<QHIIIIQQ",
        len(places),
        len(channels),
        len(channels),
        attachments,
        0,
        len(places),
        min(times),
        max(times),
    )
    counted = b"".join(struct.pack("<HQ", number, count) for number, count in counts.items())
    return record(STATISTICS, head + struct.pack("<I", len(counted)) + counted)


def ending(start: int, summary: Iterable[bytes]) -> bytes:
    """Return the end of a file whose summary begins at an offset: the summary, its CRC, and `MAGIC`."""
    data = b"".join(summary)
    foot = RECORD.pack(FOOTER, FOOTER_BODY.size) + struct.pack("<QQ", start, 0)
    return data + foot + struct.pack("<I", zlib.crc32(foot, zlib.crc32(data))) + MAGIC


def data_end() -> bytes:
    """Return what stands between the data and the summary; every chunk has a CRC of its own."""
    return record(DATA_END, struct.pack("<I", 0))
