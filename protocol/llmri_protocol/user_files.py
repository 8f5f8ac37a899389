"""Files that people name: read as text or refused in a sentence, written whole or not at all."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO
from uuid import uuid4

MOST_TEXT = 64 << 20  # bytes; no configuration, key table or set of edits is near it

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
GIVEN_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
# The marks that other encodings begin with, the longer ones first.
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class TextError(ValueError):
    """A file holds no text that can be used; the message says where, and what to do."""


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """Return the text of a file in UTF-8 of at most so many bytes, with or without a byte order mark.

    Raises:
        OSError: It can't be read, or is no file; `strerror` says why.
        TextError: It is in another encoding, or too long.
    """
    with _opened(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TextError(f"it is too long, at most {most} bytes are read")
    return text_of(data)


def text_of(data: bytes) -> str:
    """Return bytes in UTF-8 as text, without a byte order mark and with plain line ends.

    Raises:
        TextError: They are in another encoding; the message says where that shows.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise TextError(f"it is text in {name}, expected UTF-8; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextError(
            f"it is no text in UTF-8: byte {error.start} is not, line {line} has the byte "
            f"0x{data[error.start]:02x}; save it as UTF-8"
        ) from None
    return text.replace("\r\n", "\n")


def target(path: Path) -> Path:
    """Return where a file would be written: a link's own target, so that the link stays.

    Raises:
        OSError: Something that is no file stands there; `strerror` says what.
    """
    try:
        real = path.resolve()  # which fails for a relative path where the working folder is gone
    except RuntimeError:  # Python 3.11 and 3.12 raise it for links that lead in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
    try:
        mode = real.stat().st_mode
    except FileNotFoundError:
        return real
    kind = _no_file(mode)
    if kind:
        raise OSError(errno.EINVAL, f"it is {kind}, no file", str(path))
    return real


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write to; it gets its name once all of it is on the disk, and is gone if that fails.

    Raises:
        OSError: The folder is missing or closed to us, no file stands there, or the disk is full.
    """
    goal = target(path)
    part = goal.with_name(f".{goal.name[:100]}.{uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a full disk may only say so here
        part.replace(goal)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """Yield a file to write text in UTF-8 to, as `whole` does; line ends stay as they are written."""
    with whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()  # which writes what waits, and leaves the file open to be put on the disk


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read, or a pipe that a shell has made for us, as in `--token-file <(pass show llmri)`.

    Any other pipe would be waited for, and a device may never end.
    """
    given = str(path).startswith(GIVEN_PIPES)
    unwaited = 0 if given else getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, os.O_RDONLY | unwaited | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        mode = os.fstat(handle).st_mode
        kind = "" if given and stat.S_ISFIFO(mode) else _no_file(mode)
        if kind:
            raise OSError(errno.EINVAL, f"it is {kind}, no file", str(path))
        yield file


def _no_file(mode: int) -> str:
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "")
