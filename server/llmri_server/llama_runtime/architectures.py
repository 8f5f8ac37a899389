"""The table that says where the sites of each known architecture are in llama.cpp's graph."""

from functools import cache

import msgspec

from llmri_protocol.configs import ConfigError, folder, load

OTHER = "other"  # the entry for architectures without one


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a node is recognised; the keys are explained in `configs/gguf.toml`."""

    op: str
    node: str = ""
    numbered: bool = True
    reads: str = ""
    times: str = ""


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The nodes that may be the first block's input, and those that may be each site."""

    like: str = ""
    embedding: tuple[Node, ...] = ()
    sites: dict[str, tuple[Node, ...]] = {}


def is_known(architecture: str) -> bool:
    """Whether the table has an entry for `general.architecture`."""
    return architecture in _table()


def nodes_of(architecture: str) -> Architecture:
    """Give the entry for `general.architecture`, or the one for all others.

    Raises:
        ConfigError: The table does not fit its own rules.
    """
    table = _table()
    entry = table.get(architecture, table[OTHER])
    if not entry.like:
        return entry
    if entry.like not in table:
        raise ConfigError(f"gguf.toml: `{architecture}` is like `{entry.like}`, which is not there")
    return table[entry.like]


@cache
def _table() -> dict[str, Architecture]:
    path = folder() / "gguf.toml"
    table = load(path, dict[str, Architecture])
    if OTHER not in table:
        raise ConfigError(f"{path}: `[{OTHER}]` is missing, which is for architectures without an entry")
    return table
