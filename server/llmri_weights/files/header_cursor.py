"""Reading a binary header from its start, with every length checked against what is left of the file."""

import struct

from llmri_weights.errors import WeightsError
from llmri_weights.files.byte_source import ByteSource

PIECE = 1 << 18  # bytes read at once


class HeaderCursor:
    """A position in a source, moving forward; no more than one piece, or one text, is held at once.

    Args:
        source: The bytes.
        most: How far a header may reach, bytes.
    """

    def __init__(self, source: ByteSource, most: int) -> None:
        self.source, self.at = source, 0
        self._end = min(source.size, most)
        self._most = most
        self._piece, self._begin = b"", 0

    @property
    def left(self) -> int:
        """Return how many bytes there can still be."""
        return self._end - self.at

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            WeightsError: The source or the header ends before them.
        """
        self._want(count)
        first = self.at - self._begin
        if first + count > len(self._piece):
            more = min(max(count, PIECE), self.left)
            self._piece, self._begin, first = self.source.read(self.at, more).tobytes(), self.at, 0
        self.at += count
        return self._piece[first : first + count]

    def skip(self, count: int) -> None:
        """Pass over bytes without reading them, as `take` does."""
        self._want(count)
        self.at += count
        if not 0 <= self.at - self._begin <= len(self._piece):
            self._piece, self._begin = b"", self.at

    def number(self, kind: struct.Struct) -> int | float | bool:
        """Return the next number of one kind."""
        (found,) = kind.unpack(self.take(kind.size))
        value: int | float | bool = found
        return value

    def _want(self, count: int) -> None:
        if count > self.left:
            what = "is cut short" if self._end == self.source.size else f"claims more than {self._most} bytes"
            raise WeightsError(
                f"the header of {self.source.name} {what}: at byte {self.at} it wants {count} more, "
                f"and {self.left} are left"
            )
