"""Reads recorded sessions: by their index where there is one, else by walking through all of the file."""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_client.sessions import mcap_records as mcap
from llmri_client.sessions.chunks import (
    Bytes,
    ChunkError,
    Fault,
    Message,
    chunk_at,
    chunks,
    message_at,
    messages,
)
from llmri_client.sessions.heads import BodyError, Head, head_of
from llmri_client.sessions.index import NAME, NONE, Index, IndexFormatError
from llmri_client.sessions.mcap_records import ChunkPlace
from llmri_client.sessions.writer import FORMAT, SECOND, About
from llmri_protocol.codec import decode
from llmri_protocol.fields import PROTOCOL_VERSION
from llmri_protocol.messages import ServerMessage

Keys = TypeVar("Keys", int, npt.NDArray[np.int64])

ABOUT = "session"
MOST_SUMMARY = 1 << 30  # bytes
_ATTACHMENT_AT = struct.Struct("<QQ")


class SessionError(ValueError):
    """A file is no recorded session, or one of a later version; the message is one sentence."""


@dataclass(frozen=True)
class Recorded:
    """A body as it was recorded.

    Attributes:
        number: Its place among the messages of the file, from 0.
        time: In seconds since 1970.
        head: What it says of its place.
        body: As it was sent.
    """

    number: int
    time: float
    head: Head
    body: memoryview

    def message(self) -> ServerMessage:
        """Return it as a message.

        Raises:
            RemoteProtocolError: It is none that this version knows.
        """
        return decode(self.body, "server")


class Session:
    """A recorded session; use `open_session`.

    Attributes:
        about: What the file says of itself.
        faults: What was lost, as far as it has been met: all of it where the file was walked through.
        indexed: Whether the file's own index was used.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._file = descriptor
        self._data = Bytes(descriptor)
        self.faults: list[Fault] = []
        if self._data.take(0, len(mcap.MAGIC)) != mcap.MAGIC:
            raise SessionError(f"{path} is no recorded session: it does not begin as an MCAP file does")
        index = self._own_index()
        self.indexed = index is not None
        self._index = self._rebuilt() if index is None else index
        self.about = self._said()

    def __len__(self) -> int:
        return len(self._index)

    @property
    def index(self) -> Index:
        """Where each message is."""
        return self._index

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def at(self, number: int) -> Recorded:
        """Return a message by its place among all.

        Raises:
            IndexError: There are fewer.
            ChunkError: It is damaged.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"{self.path} has messages 0 to {len(self) - 1}, not {number}")
        offset, length, first = (
            int(self._index.column(name)[number]) for name in ("offset", "length", "first")
        )
        message = message_at(chunk_at(self._data, offset, length), first)
        if message.sequence != self._index.column("sequence")[number]:
            raise ChunkError("another message is where the index says that this one is")
        return Recorded(number, message.time / SECOND, head_of(message.body), message.body)

    def bodies(self, start: int = 0, stop: int | None = None) -> Iterator[Recorded]:
        """Yield the wire's bodies in order, and note in `faults` those that are damaged."""
        for number in range(start, len(self) if stop is None else min(stop, len(self))):
            try:
                recorded = self.at(number)
            except (ChunkError, BodyError) as error:
                self._lose(Fault(int(self._index.column("offset")[number]), str(error), 1))
                continue
            if recorded.head.type != ABOUT:
                yield recorded

    def find(self, topic: str, turn: int, token: int | None = None) -> int | None:
        """Return the number of the first message of a topic at a turn, or at a token; None where none is."""
        rows, keys = self._by_topic.get(topic, (None, None))
        if rows is None or keys is None:
            return None
        wanted = _key(turn, NONE if token is None else token)
        place = int(np.searchsorted(keys, wanted))
        if place == len(keys):
            return None
        found = keys[place] == wanted if token is not None else keys[place] >> 32 == turn
        return int(rows[place]) if found else None

    @cached_property
    def topics(self) -> dict[str, int]:
        """How many messages there are of each topic."""
        counts = np.bincount(self._index.column("channel"), minlength=len(self._index.channels) + 1)
        return {each.topic: int(counts[each.number]) for each in self._index.channels if each.schema != ABOUT}

    @cached_property
    def turns(self) -> list[int]:
        """The numbers of the turns of which something is there, in order."""
        turns = np.unique(self._index.column("turn"))
        return [int(turn) for turn in turns if turn > 0]

    @property
    def lost(self) -> int:
        """How many messages are known to be lost."""
        return sum(fault.lost for fault in self.faults)

    @cached_property
    def _by_topic(self) -> dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """The messages of each topic, by turn and token: their numbers, and keys that rise."""
        channel, turn, token = (self._index.column(name) for name in ("channel", "turn", "token"))
        keys = _key(turn, token)
        found = {}
        for each in self._index.channels:
            rows = np.flatnonzero(channel == each.number)
            order = np.argsort(keys[rows], kind="stable")
            found[each.topic] = (rows[order], keys[rows][order])
        return found

    def _said(self) -> About:
        """Return what the file says of itself; later versions are refused."""
        try:
            first = self.at(0)
            about = msgspec.msgpack.decode(first.body, type=About)
        except (IndexError, ChunkError, BodyError, msgspec.DecodeError):
            if not len(self):
                raise SessionError(f"{self.path} holds no message that can be read") from None
            self._lose(Fault(len(mcap.MAGIC), "what the file says of itself is lost", 0))
            return About(FORMAT, PROTOCOL_VERSION, "", 0.0)
        if about.format > FORMAT or about.protocol > PROTOCOL_VERSION:
            raise SessionError(
                f"{self.path} is of format {about.format} and protocol {about.protocol}, this LLMRI reads "
                f"formats to {FORMAT} and protocols to {PROTOCOL_VERSION}; update it"
            )
        return about

    def _lose(self, fault: Fault) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def _own_index(self) -> Index | None:
        """Return the index that the file ends with, None where there is none that can be believed."""
        size, foot = self._data.size, mcap.RECORD.size + mcap.FOOTER_BODY.size
        end = self._data.take(max(0, size - foot - len(mcap.MAGIC)), foot + len(mcap.MAGIC))
        if len(end) < foot + len(mcap.MAGIC) or end[foot:] != mcap.MAGIC or end[0] != mcap.FOOTER:
            return None
        start, _, crc = mcap.FOOTER_BODY.unpack_from(end, mcap.RECORD.size)
        length = size - len(mcap.MAGIC) - 4 - start
        if crc == 0 or not mcap.RECORD.size + 16 <= length <= MOST_SUMMARY:
            return None
        try:
            summary = self._data.exactly(start, length)
            if zlib.crc32(summary) != crc:
                return None
            return self._attached(summary[: -mcap.RECORD.size - 16])
        except (ChunkError, IndexFormatError, struct.error):
            return None

    def _attached(self, summary: memoryview) -> Index | None:
        for opcode, body in _records(summary):
            if opcode == mcap.ATTACHMENT_INDEX and _named(body, 40) == NAME:
                offset, length = _ATTACHMENT_AT.unpack_from(body)
                record = self._data.exactly(offset, min(length, self._data.size))[mcap.RECORD.size :]
                (crc,) = struct.unpack("<I", record[-4:])
                if crc == 0 or zlib.crc32(record[:-4]) != crc:
                    return None
                name_length = len(NAME)
                media = 16 + 4 + name_length
                (media_length,) = struct.unpack_from("<I", record, media)
                data = media + 4 + media_length + 8
                return Index.unpacked(bytes(record[data:-4]))
        return None

    def _rebuilt(self) -> Index:
        """Walk through the file, and note what is lost."""
        index = Index()
        expected = 0
        for chunk in chunks(self._data, self.faults):
            try:
                found = [each for each in messages(chunk) if isinstance(each, Message)]
            except ChunkError as error:
                self._lose(Fault(chunk.offset, str(error)))
                continue
            for message in found:
                try:
                    head = head_of(message.body)
                except BodyError as error:
                    self._lose(Fault(chunk.offset, str(error), 1))
                    continue
                if message.sequence > expected:
                    self._lose(
                        Fault(
                            chunk.offset, "messages are missing before this one", message.sequence - expected
                        )
                    )
                expected = message.sequence + 1
                channel = index.channel_of(head)
                place = ChunkPlace(chunk.offset, chunk.length, message.first, channel.number, message.time)
                index.add(place, message.sequence, head)
        return index


def open_session(path: Path | str) -> Session:
    """Open a recorded session.

    Raises:
        OSError: It can't be read.
        SessionError: It is none, or of a later version.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return Session(Path(path), descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _records(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    place = 0
    while place + mcap.RECORD.size <= len(data):
        opcode, size = mcap.RECORD.unpack_from(data, place)
        place += mcap.RECORD.size
        yield opcode, data[place : place + size]
        place += size


def _named(body: memoryview, place: int) -> str:
    (length,) = struct.unpack_from("<I", body, place)
    return bytes(body[place + 4 : place + 4 + length]).decode(errors="replace")


def _key(turn: Keys, token: Keys) -> Keys:
    """Return a number by which turns sort first, and then their tokens; what has no token comes first."""
    return (turn << 32) + token + 1
