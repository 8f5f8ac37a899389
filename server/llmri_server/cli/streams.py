"""Standard output and error that a program may write to whatever became of who reads them."""

import io
import logging
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds that a reader has to make room
PIECE = 4096  # bytes that a pipe said to be writable takes without waiting (PIPE_BUF on Linux)
STANDARD_OUTPUT, STANDARD_ERROR = 1, 2


class Unbreakable(io.RawIOBase):
    """The writing side of a file descriptor. Once it is broken, what is written is thrown away.

    A reader may leave at any time (`llmri serve 2>&1 | head`), a terminal be closed, a disk be full: none of
    this may end a thread that only wanted to say something.

    Args:
        descriptor: The file descriptor.
        patient: Whether to wait for a reader that does not read, as replies do; else what finds no room for
            a second is thrown away, so that no log holds up the model.
    """

    def __init__(self, descriptor: int, *, patient: bool) -> None:
        self._descriptor = descriptor
        self._patient = patient
        self._late = False
        self.broken = False

    def writable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Say whether a terminal is behind it."""
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some of the data, or let all of it go; give how much that was."""
        size = memoryview(data).nbytes
        if self.broken:
            return size
        try:
            if self._has_room():
                return os.write(self._descriptor, memoryview(data).cast("B")[:PIECE])
            return size
        except BlockingIOError:  # it has room again, and less than a piece
            return size
        except OSError as error:
            self.broken = True
            if self._descriptor != STANDARD_ERROR:  # the log itself
                log.warning("standard output was closed (%s); replies go to viewers only", error.strerror)
            return size

    def _has_room(self) -> bool:
        """Wait until there is room: as long as it takes, or a second, and then no more until there is."""
        patience = None if self._patient else 0.0 if self._late else PATIENCE
        self._late = not select.select([], [self._descriptor], [], patience)[1]
        return not self._late


def harden() -> None:
    """Make standard output and error unbreakable, for the whole process; missing ones lead nowhere.

    A missing one's number would else be given to the next socket, and what a library prints go to a client.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        pass
    os.close(descriptor)
    sys.stdout, sys.stderr = (
        _unbreakable(sys.stdout, STANDARD_OUTPUT),
        _unbreakable(sys.stderr, STANDARD_ERROR),
    )


def _unbreakable(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is not None:
        try:
            descriptor = stream.fileno()
        except OSError:  # it is no file, and nothing can happen to it
            return stream
        stream.flush()
    raw = io.BufferedWriter(Unbreakable(descriptor, patient=descriptor == STANDARD_OUTPUT))
    encoding, errors = (stream.encoding, stream.errors) if stream else ("utf-8", "replace")
    live = descriptor != STANDARD_OUTPUT or raw.isatty()
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, line_buffering=live)
