"""The first bytes of a GGUF file, read before llama.cpp reads it: its own messages say less."""

import struct
from pathlib import Path

from llmri_server.runtime import LoadError

SUFFIX, MAGIC = ".gguf", b"GGUF"
OLDEST, NEWEST = 2, 3  # versions of the format that llama.cpp reads
HEADER = struct.Struct("<4sIQQ")  # magic, version, tensors, metadata


def is_gguf(path: Path) -> bool:
    """Whether a path means a GGUF file, by its name or by its first bytes."""
    if path.suffix.lower() == SUFFIX:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def check_file(path: Path) -> None:
    """Pass if a file begins as a GGUF file that can be read does.

    Raises:
        LoadError: It does not; the message says what was found and what was expected.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(HEADER.size)
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from None
    if beginning[: len(MAGIC)] != MAGIC:
        raise LoadError(
            f"{path} is no GGUF file: it begins with {beginning[: len(MAGIC)]!r}, expected {MAGIC!r}"
        )
    if len(beginning) < HEADER.size:
        raise LoadError(
            f"{path} is cut off: it has {len(beginning)} bytes, and the header alone takes {HEADER.size}; "
            "copy or download it again"
        )
    _, version, _, _ = HEADER.unpack(beginning)
    if not OLDEST <= version <= NEWEST:
        raise LoadError(
            f"{path} is GGUF version {version}, and versions {OLDEST} to {NEWEST} can be read; "
            + ("get a newer llama-cpp-python" if version > NEWEST else "convert the model again")
        )
