"""Sets of edits in files; the suffix says whether that is TOML or JSON."""

import os
from collections.abc import Callable
from pathlib import Path

from llmri.edits.errors import EditsError
from llmri_protocol.edit_sets import EditSet, EditSetError, from_json, from_toml, to_json, to_toml
from llmri_protocol.user_files import TextError, read_text, target

FORMATS: dict[str, tuple[Callable[[EditSet], str], Callable[[str], EditSet]]] = {
    ".toml": (to_toml, from_toml),
    ".json": (to_json, from_json),
}


def read(path: Path) -> EditSet:
    """Read a set of edits.

    Raises:
        EditsError: The file can't be read, or is none.
    """
    _, from_text = _format(path)
    try:
        return from_text(read_text(path))
    except (EditSetError, TextError) as error:
        raise EditsError(f"{path} can't be used: {error}") from None
    except OSError as error:
        raise EditsError(f"cannot read {path}: {error.strerror}") from None


def save(path: Path, document: EditSet, *, overwrite: bool = False) -> None:
    """Write a set of edits.

    Raises:
        EditsError: It can't be written, or there is a file already; whatever was there stays.
    """
    to_text, _ = _format(path)
    try:
        text = to_text(document)
    except EditSetError as error:
        raise EditsError(f"the set can't be written: {error}") from None
    put(path, lambda place: write(place, text), overwrite=overwrite)


def put(path: Path, make: Callable[[Path], None], *, overwrite: bool = False) -> None:
    """Let `make` write a file, and put it in its place when it is whole.

    Raises:
        EditsError: It can't be made, or there is a file already; whatever was there stays.
    """
    if path.exists() and not overwrite:
        raise EditsError(f"{path} exists; give another name, or --overwrite")
    try:
        goal = target(path)
        unfinished = goal.with_name(f".{goal.name[:100]}.{os.getpid()}")
        try:
            make(unfinished)
            unfinished.replace(goal)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise EditsError(f"cannot write {path}: {error.strerror or error}") from None


def write(path: Path, text: str) -> None:
    """Write text to a file, onto the disk itself."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # a full disk may only say so here


def _format(path: Path) -> tuple[Callable[[EditSet], str], Callable[[str], EditSet]]:
    if path.suffix not in FORMATS:
        raise EditsError(f"{path} names no format; expected a name that ends in {' or '.join(FORMATS)}")
    return FORMATS[path.suffix]
