"""Frames in a file: the bodies that went over a connection, byte for byte, with their times and directions.

A file begins with `MAGIC`. Each frame is the time in seconds since 1970 (a float64), the sender (a byte:
0 the server, 1 the client), the body's length and a CRC-32 of all of these and the body (32 bits each),
big-endian, then the body. All of it may be packed by gzip.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from llmri_protocol.frames import SERVER_LIMIT, Buffer
from llmri_protocol.messages import Sender

MAGIC = b"LLMRI frames 1\n"
HEAD = struct.Struct(">dBI")
CHECK = struct.Struct(">I")
SENDERS: tuple[Sender, ...] = ("server", "client")
GZIP = b"\x1f\x8b"
PACKED = 9  # gzip's level: a recording is written once


class RecordingError(ValueError):
    """A file is no recording, or a damaged one; the message says where."""


@dataclass(frozen=True)
class Frame:
    """One body that went over a connection.

    Attributes:
        time: When, in seconds since 1970.
        sender: From where.
        body: As it was sent.
    """

    time: float
    sender: Sender
    body: bytes


class FrameWriter:
    """Writes frames to a file that is not there yet, in order.

    Args:
        path: The file.
        packed: Whether gzip packs it; what is written is then only whole after `close`.

    Raises:
        OSError: It can't be written, or is there (FileExistsError).
    """

    def __init__(self, path: Path, *, packed: bool = False) -> None:
        self._raw = path.open("xb")
        # Without a name and a time, so that the same frames make the same file.
        self._file: IO[bytes] = (
            gzip.GzipFile("", "wb", PACKED, self._raw, mtime=0) if packed else self._raw  # type: ignore[assignment]
        )
        self._file.write(MAGIC)

    def append(self, time: float, sender: Sender, body: Iterable[Buffer]) -> None:
        """Write one frame, whole at once.

        Args:
            time: When it went over the connection, in seconds since 1970.
            sender: From where.
            body: Its body, in pieces.

        Raises:
            ValueError: The time is no number, or the body longer than a frame's may be.
        """
        data = b"".join(body)
        if not math.isfinite(time) or len(data) > SERVER_LIMIT:
            raise ValueError(
                f"no frame: time {time}, {len(data)} bytes; expected a number, at most {SERVER_LIMIT} bytes"
            )
        head = HEAD.pack(time, SENDERS.index(sender), len(data))
        self._file.write(b"".join((head, CHECK.pack(_checksum(head, data)), data)))

    def close(self) -> None:
        """End the file."""
        self._file.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_frames(path: Path, *, limit: int = SERVER_LIMIT) -> Iterator[Frame]:
    """Yield the frames of a file in order; one at a time is in memory.

    Args:
        path: The file.
        limit: Longest body in bytes; a longer one is refused before anything is read of it.

    Raises:
        RecordingError: It is no recording, or damaged; the frames before the damage were given.
        OSError: It can't be read.
    """
    with path.open("rb") as raw:
        packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        file: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        if _read(file, path, len(MAGIC), "the beginning") != MAGIC:
            raise RecordingError(f"{path} is no recording: it does not begin with {MAGIC.decode().strip()!r}")
        number = 1
        while (frame := _frame(file, path, number, limit)) is not None:
            yield frame
            number += 1


def _frame(file: IO[bytes], path: Path, number: int, limit: int) -> Frame | None:
    """Read a frame; None at the end of the file."""
    place = f"frame {number}"
    head = _read(file, path, HEAD.size + CHECK.size, place)
    if not head:
        return None
    if len(head) < HEAD.size + CHECK.size:
        raise RecordingError(f"{path} is cut off in the head of {place}")
    time, sender, length = HEAD.unpack_from(head)
    if length > limit:
        raise RecordingError(f"{path} is damaged: {place} has {length} bytes, expected at most {limit}")
    body = _read(file, path, length, place)
    if len(body) < length:
        raise RecordingError(f"{path} is cut off in {place}: {len(body)} of its {length} bytes are there")
    (checksum,) = CHECK.unpack_from(head, HEAD.size)
    if checksum != _checksum(head[: HEAD.size], body) or sender >= len(SENDERS) or not math.isfinite(time):
        raise RecordingError(f"{path} is damaged: {place} is not as it was written")
    return Frame(time, SENDERS[sender], body)


def _read(file: IO[bytes], path: Path, count: int, place: str) -> bytes:
    """Read so many bytes, or fewer at the end of the file."""
    try:
        return file.read(count)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RecordingError(f"{path} is damaged in {place}: {error}") from None


def _checksum(head: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(head))
