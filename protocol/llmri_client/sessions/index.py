"""Where each message of a recorded session is, as columns; a session's own index is these, packed."""

from array import array
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_client.sessions.heads import Head
from llmri_client.sessions.mcap_records import Channel, ChunkPlace

NAME = "llmri.index"
MEDIA_TYPE = "application/vnd.llmri.index+msgpack"
NONE = -1  # a turn or token where a message has none
MOST_CHANNELS = 4096


class IndexFormatError(ValueError):
    """Packed columns are not as they are written."""


class _Packed(msgspec.Struct, frozen=True):
    channels: list[tuple[str, str, dict[str, str]]]  # topic, schema, metadata
    columns: dict[str, bytes]


COLUMNS: dict[str, np.dtype[Any]] = {
    "offset": np.dtype("<u8"),
    "length": np.dtype("<u8"),
    "first": np.dtype("<u4"),
    "channel": np.dtype("<u2"),
    "sequence": np.dtype("<u4"),
    "time": np.dtype("<u8"),
    "turn": np.dtype("<i8"),
    "token": np.dtype("<i8"),
}


class Index:
    """The places of messages in the order in which they were recorded.

    Attributes:
        channels: By number, from 1.
    """

    def __init__(self) -> None:
        self.channels: list[Channel] = []
        self._numbers: dict[str, int] = {}
        self._columns = {name: array(_CODES[dtype.str]) for name, dtype in COLUMNS.items()}

    def __len__(self) -> int:
        return len(self._columns["offset"])

    def channel_of(self, head: Head) -> Channel:
        """Return the channel of such messages; a new one where there was none."""
        number = self._numbers.get(head.topic)
        if number is not None:
            return self.channels[number - 1]
        metadata = {"site": head.site} if head.topic.count("/") > 1 else {}
        return self._added(Channel(len(self.channels) + 1, head.topic, head.type, metadata))

    def add(self, place: ChunkPlace, sequence: int, head: Head) -> None:
        """Add a message."""
        values = (
            place.offset,
            place.length,
            place.first,
            place.channel,
            sequence,
            place.time,
            NONE if head.turn is None else head.turn,
            NONE if head.token is None else head.token,
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column, `[messages]`; it must not be kept while messages are added."""
        return np.frombuffer(self._columns[name], COLUMNS[name]) if len(self) else np.zeros(0, COLUMNS[name])

    def places(self) -> Iterator[ChunkPlace]:
        """Yield the chunks in order."""
        names = ("offset", "length", "first", "channel", "time")
        yield from map(ChunkPlace, *(self._columns[name] for name in names))

    def packed(self) -> bytes:
        """Return the columns and channels as bytes."""
        channels = [(each.topic, each.schema, dict(each.metadata)) for each in self.channels]
        columns = {name: self.column(name).tobytes() for name in COLUMNS}
        return msgspec.msgpack.encode(_Packed(channels, columns))

    @classmethod
    def unpacked(cls, data: bytes) -> "Index":
        """Return what was packed.

        Raises:
            IndexFormatError: It is something else.
        """
        try:
            packed = msgspec.msgpack.decode(data, type=_Packed)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise IndexFormatError(f"the index is none: {error}") from None
        index = cls()
        for number, (topic, schema, metadata) in enumerate(packed.channels, 1):
            index._added(Channel(number, topic, schema, metadata))
        lengths = {
            name: len(packed.columns.get(name, b"")) / dtype.itemsize for name, dtype in COLUMNS.items()
        }
        if len(set(lengths.values())) != 1 or len(packed.channels) > MOST_CHANNELS:
            raise IndexFormatError(f"the index's columns differ in length: {lengths}")
        for name, column in index._columns.items():
            column.frombytes(packed.columns[name])
        used = index.column("channel")
        if len(used) and not (used.min() >= 1 and used.max() <= len(index.channels)):
            raise IndexFormatError("the index names a channel that it does not have")
        return index

    def _added(self, channel: Channel) -> Channel:
        self.channels.append(channel)
        self._numbers[channel.topic] = channel.number
        return channel


_CODES = {"<u8": "Q", "<u4": "I", "<u2": "H", "<i8": "q"}
