"""Files under names that nobody had, and why one could not be written."""

import time
from pathlib import Path

from llmri_protocol.user_files import whole

__all__ = ["free", "reason", "timed", "whole"]


def timed(stem: Path, *suffixes: str) -> Path:
    """Return the stem with the time and the first suffix behind it; no file with any suffix has that name.

    Raises:
        OSError: The folder is closed to us.
    """
    found = free(stem.with_name(stem.name + time.strftime("-%Y%m%d-%H%M%S")), *suffixes)
    return _with(found, suffixes[0])


def free(stem: Path, *suffixes: str) -> Path:
    """Return the stem, with a number behind it where a file with one of the suffixes has that name."""
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
