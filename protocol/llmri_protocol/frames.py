"""Frames: four bytes of length, unsigned and big-endian, then that many bytes of body.

The receiver is a place to receive into. A large body is received straight into memory of its own;
small frames are read ahead, many in one call, and copied out of a short window.
"""

import struct

from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.memory import BodyMemory, own_memory

CLIENT_LIMIT = 1 << 20  # longest body from a client, in bytes
SERVER_LIMIT = 256 << 20  # longest body from a server, in bytes
LONGEST_BODY = 2**32 - 1  # what four bytes can say
LENGTH = struct.Struct(">I")

Buffer = bytes | bytearray | memoryview

# Long enough for some twenty tokens a system call, short enough that copying it is nothing beside a scan.
WINDOW = 8192
# Room behind a large body: the next length usually comes with the same system call, which saves one a scan.
TAIL = 1024


class FrameReceiver:
    """Cuts a stream of bytes into bodies, however it was split on the way.

    Call `buffer`, receive into it, call `advance` with the count. Each body is a writable memoryview
    that no other living body shares memory with, so arrays may live on it. Memory is held for one window, one
    body of at most `limit` bytes, and an eighth of that at most for the next ones: a longer length is refused
    before anything is allocated for it.

    Args:
        limit: Longest body in bytes; a security limit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.broken: RemoteProtocolError | None = None
        self._window = memoryview(bytearray(WINDOW))
        self._bodies = BodyMemory(limit // 8)
        self._memory = self._window  # where the next bytes go: the window, or an unfinished body's own
        self._filled = 0  # bytes in it
        self._length = 0  # of the unfinished body

    @property
    def idle(self) -> bool:
        """Whether no frame is under way."""
        return self._memory is self._window and not self._filled

    def buffer(self) -> memoryview:
        """Return the memory for the next bytes, never empty.

        Raises:
            RemoteProtocolError: An earlier length was over the limit.
        """
        if self.broken:
            raise self.broken
        return self._memory[self._filled :]

    def advance(self, count: int) -> list[memoryview]:
        """Take note of `count` bytes received into `buffer()`; give the bodies they completed.

        Bodies in front of a length over the limit are still given; `broken` then holds the error.

        Raises:
            RemoteProtocolError: An earlier length was over the limit.
            ValueError: More bytes are reported than there was room for.
        """
        if self.broken:
            raise self.broken
        room = len(self._memory) - self._filled
        if not 0 <= count <= room:
            raise ValueError(f"{count} bytes were reported for a buffer of {room}")
        self._filled += count
        if self._memory is self._window:
            return self._cut([])
        if self._filled < self._length:
            return []
        return self._cut([self._finish()])

    def feed(self, data: Buffer) -> list[memoryview]:
        """Take bytes that were received elsewhere; give the bodies they completed.

        Raises:
            RemoteProtocolError: An earlier length was over the limit.
        """
        source = memoryview(data)
        bodies: list[memoryview] = []
        while source:
            buffer = self.buffer()
            count = min(len(source), len(buffer))
            buffer[:count] = source[:count]
            bodies += self.advance(count)
            if self.broken:
                break
            source = source[count:]
        return bodies

    def _finish(self) -> memoryview:
        """Return the body that had memory of its own; what came behind it moves to the window."""
        body, behind = self._memory[: self._length], self._filled - self._length
        self._window[:behind] = self._memory[self._length : self._filled]
        self._memory, self._filled = self._window, behind
        return body

    def _cut(self, bodies: list[memoryview]) -> list[memoryview]:
        """Cut whole frames out of the window, and give an unfinished body memory of its own."""
        window, start, end = self._window, 0, self._filled
        while end - start >= LENGTH.size:
            (length,) = LENGTH.unpack_from(window, start)
            start += LENGTH.size
            if length > self.limit:
                self._refuse(length)
                return bodies
            available = end - start
            if available < length:
                self._memory = self._bodies.take(length, TAIL)
                self._memory[:available] = window[start:end]
                self._length, self._filled = length, available
                return bodies
            body = own_memory(length)
            body[:] = window[start : start + length]
            bodies.append(body)
            start += length
        window[: end - start] = window[start:end]  # at most three bytes of the next length
        self._filled = end - start
        return bodies

    def _refuse(self, length: int) -> None:
        message = f"a frame of {length} bytes was announced, expected at most {self.limit}"
        self.broken = RemoteProtocolError("too_long", message, fatal=True)


def header(length: int) -> bytes:
    """Return the four bytes in front of a body of `length` bytes."""
    return LENGTH.pack(length)
