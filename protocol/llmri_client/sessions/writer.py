"""Records a session: each body in a chunk of its own, out of this process when `append` returns."""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from llmri_client.sessions import mcap_records as mcap
from llmri_client.sessions.heads import Head, head_of
from llmri_client.sessions.index import MEDIA_TYPE, NAME, Index
from llmri_client.sessions.mcap_records import ChunkPlace

FORMAT = 1
PROFILE = "llmri"
SECOND = 10**9  # nanoseconds
PRIVATE = 0o600


class SessionWriteError(OSError):
    """A session cannot be written any further; the sentence says why, and what of it is kept."""


class About(msgspec.Struct, frozen=True, tag_field="type", tag="session", omit_defaults=False):
    """The first message of a file, which is ours and not the wire's.

    Attributes:
        format: The version of the file's form.
        protocol: The version of the bodies'.
        llmri: Who wrote it.
        started: In seconds since 1970.
    """

    format: int
    protocol: int
    llmri: str
    started: float


class SessionWriter:
    """Writes a session to a file; to be used from one thread.

    Whatever `append` returned from survives the death of this process; what a turn's end was among survives
    that of the machine. The file can be read at any moment, also while it is written.

    Args:
        path: The file.
        protocol: The version of the bodies.
        program: Who writes, such as `llmri 0.1.0`.
        force: Replace a file that is there.

    Raises:
        OSError: It can't be written, or is there (FileExistsError).

    Attributes:
        written: Bytes in the file so far.
        index: Where each message is.
    """

    def __init__(self, path: Path, protocol: int, program: str, *, force: bool = False) -> None:
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | (os.O_TRUNC if force else os.O_EXCL)
        self._file = os.open(path, flags, PRIVATE)
        self._path = path
        self.written = 0
        self.index = Index()
        self._latest = 0
        self._ended = False
        started = time.time()
        self._put([mcap.MAGIC, mcap.header(PROFILE, program)])
        self.append([msgspec.msgpack.encode(About(FORMAT, protocol, program, started))], started)

    def __len__(self) -> int:
        return len(self.index)

    def append(self, body: Sequence[mcap.Buffer], arrived: float) -> Head:
        """Write a body, in pieces of which none is copied; give what it says of its place.

        Args:
            body: A whole body of the wire; what says its type and turn is in the first piece.
            arrived: When it came, in seconds since 1970; what the message says itself goes before that.

        Raises:
            BodyError: It is no message; nothing was written.
            SessionWriteError: The disk is full, or fails; all before this message is kept.
        """
        head = head_of(body[0] if len(body) == 1 else b"".join(body))
        known = len(self.index.channels)
        channel = self.index.channel_of(head)
        moment = int((arrived if head.time is None else head.time) * SECOND)
        self._latest = max(self._latest + 1, moment)
        sequence = len(self.index) & 0xFFFFFFFF
        pieces, first = mcap.chunk_of_one(
            channel, sequence, self._latest, body, declare=channel.number > known
        )
        place = ChunkPlace(
            self.written,
            sum(map(len, pieces)) - mcap.INDEX_SIZE,
            first,
            channel.number,
            self._latest,
        )
        self._put(pieces)
        self.index.add(place, sequence, head)
        if head.type == "turn_end":
            os.fsync(self._file)
        return head

    def close(self) -> None:
        """End the file with its index and summary; where there is no room for them it is readable without."""
        if self._ended:
            return
        self._ended = True
        try:
            self._summarise()
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _summarise(self) -> None:
        packed = self.index.packed()
        offset = self.written
        attached = mcap.attachment(NAME, MEDIA_TYPE, self._latest, packed)
        self._put([attached, mcap.data_end()])
        places = list(self.index.places())
        summary = [channel.records() for channel in self.index.channels]
        # The first of its kind, so that a reader finds it at once.
        summary.append(
            mcap.attachment_index(
                NAME, MEDIA_TYPE, self._latest, size=len(packed), offset=offset, length=len(attached)
            )
        )
        summary.append(mcap.statistics(self.index.channels, places, 1))
        summary += map(mcap.chunk_index, places)
        self._put([mcap.ending(self.written, summary)])

    def _put(self, pieces: Sequence[mcap.Buffer]) -> None:
        """Write all of it, or leave the file as it was."""
        waiting = [memoryview(piece) for piece in pieces if len(piece)]
        start = self.written
        try:
            while waiting:
                waiting = _rest(waiting, os.writev(self._file, waiting))
        except OSError as error:
            os.ftruncate(self._file, start)
            os.lseek(self._file, start, os.SEEK_SET)
            why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
            raise SessionWriteError(
                error.errno,
                f"{self._path} ends after {len(self.index)} messages, which are kept: {why}",
            ) from None
        self.written = start + sum(map(len, pieces))


def _rest(pieces: list[memoryview], count: int) -> list[memoryview]:
    """Return what is left of pieces of which so many bytes were written."""
    while pieces and count >= len(pieces[0]):
        count -= len(pieces.pop(0))
    if pieces and count:
        pieces[0] = pieces[0][count:]
    return pieces
