"""Files that are written whole or not at all, under names that nobody had."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to; it gets its name once all of it is written, and is gone if that fails.

    Raises:
        OSError: The folder is missing or closed to us, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def timed(stem: Path, *suffixes: str) -> Path:
    """Give the stem with the time and the first suffix behind it; no file with any suffix has that name.

    Raises:
        OSError: The folder is closed to us.
    """
    found = free(stem.with_name(stem.name + time.strftime("-%Y%m%d-%H%M%S")), *suffixes)
    return _with(found, suffixes[0])


def free(stem: Path, *suffixes: str) -> Path:
    """Give the stem, with a number behind it where a file with one of the suffixes has that name."""
    number, found = 1, stem
    while any(_with(found, suffix).exists() for suffix in suffixes):
        number += 1
        found = stem.with_name(f"{stem.name}-{number}")
    return found


def _with(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def reason(error: OSError) -> str:
    """Say in plain words why a file could not be written."""
    return (error.strerror or str(error)).lower()
