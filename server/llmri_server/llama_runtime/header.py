"""The first bytes of a GGUF file, read before llama.cpp reads it: its own messages say less."""

import re
import struct
from pathlib import Path

from llmri_server.runtime import LoadError

SUFFIX, MAGIC = ".gguf", b"GGUF"
OLDEST, NEWEST = 2, 3  # versions of the format that llama.cpp reads
DAMAGED = re.compile("corrupted or incomplete|failed to read|exceeds maximum|must be in|file bounds")
BROKEN = re.compile("has invalid data")
UNKNOWN = re.compile("unknown (model architecture|pre-tokenizer|tokenizer)|invalid ggml type")
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
    if not beginning:
        raise LoadError(f"{path} is empty; copy or download it again")
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
    if OLDEST <= int.from_bytes(version.to_bytes(4, "big"), "little") <= NEWEST:
        raise LoadError(
            f"{path} was written for machines of the other byte order (big-endian); convert the model again"
        )
    if not OLDEST <= version <= NEWEST:
        raise LoadError(
            f"{path} is GGUF version {version}, and versions {OLDEST} to {NEWEST} can be read; "
            + ("get a newer llama-cpp-python" if version > NEWEST else "convert the model again")
        )


def not_loaded(path: Path, complaint: str) -> str:
    """Say that llama.cpp cannot load a file, what it complains of, and what may help."""
    told = f"llama.cpp cannot load {path}: {complaint}"
    if DAMAGED.search(complaint):
        return f"{told}; the file is damaged or cut off, so copy or download it again"
    if BROKEN.search(complaint):
        return f"{told}: values that are infinite or not a number; copy, download or convert it again"
    if UNKNOWN.search(complaint):
        return f"{told}; a newer llama-cpp-python may know it"
    return told
