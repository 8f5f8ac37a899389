"""Whether keys and values fit into the machine, asked before llama.cpp tries: it fills the memory first."""

import os
from collections.abc import Callable

from llmri_server.runtime import LoadError

Read = Callable[[str], str | None]  # gives a value of a file's metadata
BYTES = 2  # of a key's number in float16


def check_room(read: Read, length: int) -> None:
    """Pass unless the keys and values of so many tokens take more than the machine has.

    Raises:
        LoadError: They do; the message has both numbers.
    """
    needed, there = length * _bytes_a_token(read), _memory()
    if there and needed > there:
        raise LoadError(
            f"a context of {length} tokens takes {needed / 1e9:.0f} GB for its keys and values, and this "
            f"machine has {there / 1e9:.0f} GB; ask for a shorter one"
        )


def _bytes_a_token(read: Read) -> int:
    """Return how many bytes the keys and values of a token take, at least; 0 where the file does not say."""
    architecture = read("general.architecture")

    def number(key: str) -> int:
        text = read(f"{architecture}.{key}") or ""
        return int(text) if text.isdecimal() else 0

    heads = number("attention.head_count")
    shared = number("attention.head_count_kv") or heads
    width = number("embedding_length") * shared // heads if heads else 0
    return 2 * BYTES * number("block_count") * width


def _memory() -> int:
    """Return the machine's memory in bytes; 0 where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
