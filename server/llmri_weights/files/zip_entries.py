"""Entries of a zip archive as sources of bytes: stored ones where they lie, deflated ones unpacked."""

import threading
import zipfile
from typing import BinaryIO, cast

import numpy as np

from llmri_weights.arrays import Bytes
from llmri_weights.errors import WeightsError
from llmri_weights.files.byte_source import ByteSource, Seekable

LOCAL_HEADER, NAME_LENGTH = 30, 26
LOCAL_MAGIC = b"PK\x03\x04"
MOST_UNPACKED = 1 << 30  # bytes of one deflated entry


class Archive:
    """A zip archive over a source; only its directory is read to open it.

    Args:
        source: The bytes.

    Raises:
        WeightsError: It is no archive, or a damaged one.
    """

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        try:
            with zipfile.ZipFile(cast("BinaryIO", Seekable(source))) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, EOFError) as error:
            raise WeightsError(f"{source.name} is a damaged zip archive: {error}") from None
        self.entries = {entry.filename: entry for entry in entries}

    def unpacked(self, name: str, most: int) -> bytes:
        """Return the whole content of an entry of at most so many bytes.

        Raises:
            WeightsError: It is longer, encrypted, or damaged.
        """
        entry = self.entries[name]
        if entry.file_size > most:
            raise WeightsError(
                f"`{name}` in {self.source.name} has {entry.file_size} bytes, at most {most} are read"
            )
        try:
            with (
                zipfile.ZipFile(cast("BinaryIO", Seekable(self.source))) as archive,
                archive.open(entry) as file,
            ):
                return file.read(most + 1)
        except (
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
            EOFError,
            ValueError,
            OSError,
        ) as error:
            raise WeightsError(f"`{name}` in {self.source.name} can't be unpacked: {error}") from None
        except Exception as error:
            if type(error).__module__ != "zlib":
                raise
            raise WeightsError(f"`{name}` in {self.source.name} can't be unpacked: {error}") from None

    def entry(self, name: str) -> "ZipEntry":
        """Return an entry as a source of its own."""
        return ZipEntry(self, name)


class ZipEntry:
    """One entry of an archive; where its bytes begin is looked up when the first are wanted.

    Args:
        archive: What it is in.
        name: Of the entry.
    """

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive, self._entry = archive, archive.entries[name]
        self._lock = threading.Lock()
        self._begin: int | None = None
        self._unpacked: Bytes | None = None

    @property
    def name(self) -> str:
        """Return the archive's name and its own."""
        return f"{self._archive.source.name}, entry {self._entry.filename}"

    @property
    def size(self) -> int:
        """Return how many bytes it has."""
        return self._entry.file_size

    @property
    def request_cost(self) -> int:
        """Return the archive's."""
        return self._archive.source.request_cost

    @property
    def identity(self) -> str:
        """Return the archive's."""
        return self._archive.source.identity

    def read(self, offset: int, count: int) -> Bytes:
        """Return `count` bytes from `offset` on, as `ByteSource.read` does."""
        if offset < 0 or offset + count > self.size:
            raise WeightsError(f"{self.name} ends at byte {self.size}, wanted up to byte {offset + count}")
        if self._entry.compress_type == zipfile.ZIP_STORED:
            return self._archive.source.read(self._first() + offset, count)
        with self._lock:
            if self._unpacked is None:
                data = self._archive.unpacked(self._entry.filename, MOST_UNPACKED)
                self._unpacked = np.frombuffer(data, np.uint8)
        return self._unpacked[offset : offset + count].copy()

    def check(self) -> None:
        """Raise WeightsError where the archive has changed."""
        self._archive.source.check()

    def close(self) -> None:
        """Let go of what was unpacked."""
        self._unpacked = None

    def _first(self) -> int:
        if self._begin is None:
            head = self._archive.source.read(self._entry.header_offset, LOCAL_HEADER).tobytes()
            if not head.startswith(LOCAL_MAGIC):
                raise WeightsError(f"{self.name} does not begin where the archive's directory says")
            lengths = [int.from_bytes(head[at : at + 2], "little") for at in (NAME_LENGTH, NAME_LENGTH + 2)]
            self._begin = self._entry.header_offset + LOCAL_HEADER + sum(lengths)
        return self._begin
