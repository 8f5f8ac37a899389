"""Bytes by position, read so that a file which is shortened meanwhile is a sentence and no crash."""

import io
import os
import threading
from pathlib import Path
from typing import Protocol

import numpy as np

from llmri_weights.arrays import Bytes
from llmri_weights.errors import WeightsError


class ByteSource(Protocol):
    """Bytes that can be read from any position.

    Attributes:
        name: What a person calls them, such as a path.
    """

    @property
    def name(self) -> str:
        """Return what a person calls it."""

    @property
    def size(self) -> int:
        """Return how many bytes there are."""

    @property
    def request_cost(self) -> int:
        """Return how many bytes are read in the time that one more reading takes."""

    @property
    def identity(self) -> str:
        """Return what changes when the content does."""

    def read(self, offset: int, count: int) -> Bytes:
        """Return `count` bytes from `offset` on.

        Raises:
            WeightsError: They can't be read, or something changed since the source was opened.
        """

    def check(self) -> None:
        """Raise WeightsError where the content has changed since the source was opened."""

    def close(self) -> None:
        """Let go of what is held; a later read takes it up again."""


Stamp = tuple[int, int, int, int]


class LocalFile:
    """A file, read by `pread`: a map of it would kill the process where somebody shortens it.

    The file is open while it is being read from, until `close`.

    Args:
        path: The file.

    Raises:
        WeightsError: It is missing, no file, or closed to us.
    """

    request_cost = 4096

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._lock = threading.Lock()
        self._file: io.FileIO | None = None
        self._stamp = self._stamped()
        if not path.is_file():
            raise WeightsError(f"{path} is no file")

    @property
    def size(self) -> int:
        """Return its size when it was first seen, in bytes."""
        return self._stamp[0]

    @property
    def identity(self) -> str:
        """Return its size and when it was changed."""
        return f"{self._stamp[0]}-{self._stamp[1]}"

    def read(self, offset: int, count: int) -> Bytes:
        """Return `count` bytes from `offset` on, as `ByteSource.read` does."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise WeightsError(f"{self.name} ends at byte {self.size}, wanted up to byte {offset + count}")
        data = np.empty(count, np.uint8)
        view, done = memoryview(data.data), 0
        try:
            while done < count:
                more = self._read_into(view[done:], offset + done)
                if not more:
                    raise WeightsError(
                        f"{self.name} was shortened while it was read: it had {self.size} bytes, "
                        f"now it ends at byte {offset + done}; open it again"
                    )
                done += more
        except OSError as error:
            raise WeightsError(f"{self.name} can't be read: {error.strerror}") from None
        return data

    def check(self) -> None:
        """Raise WeightsError where the file has changed since it was first seen."""
        if self._stamped() != self._stamp:
            raise WeightsError(f"{self.name} has changed since it was opened; open it again")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _opened(self) -> io.FileIO:
        with self._lock:
            if self._file is None:
                self._file = io.FileIO(self.path)
            return self._file

    def _read_into(self, view: memoryview, offset: int) -> int:
        file = self._opened()
        if hasattr(os, "preadv"):
            return os.preadv(file.fileno(), [view], offset)
        with self._lock:  # without positioned reads, as on Windows, one reads at a time
            file.seek(offset)
            return file.readinto(view) or 0

    def _stamped(self) -> Stamp:
        try:
            found = self.path.stat()
        except OSError as error:
            raise WeightsError(f"{self.name} can't be read: {error.strerror}") from None
        return found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev


class Seekable(io.RawIOBase):
    """A source as a file object, for readers that want one.

    Args:
        source: The bytes.
    """

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source, self._at = source, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are bytes, and return how many there were."""
        count = max(0, min(len(buffer), self._source.size - self._at))
        buffer[:count] = self._source.read(self._at, count).tobytes()
        self._at += count
        return count
