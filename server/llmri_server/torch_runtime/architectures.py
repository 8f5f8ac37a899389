"""The table that says where the sites of each known architecture are."""

from functools import cache
from typing import Literal

import msgspec

from llmri_protocol.configs import ConfigError, folder, load
from llmri_protocol.sites import BLOCK_SITES, BlockSite

SiteName = BlockSite
Side = Literal["input", "output"]

SITE_NAMES: tuple[SiteName, ...] = BLOCK_SITES


class SitePath(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a site is inside a block; the keys are explained in `configs/architectures.toml`."""

    module: str
    side: Side
    element: int = 0
    times: str | None = None
    when: dict[str, bool] = {}


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the blocks of a model are, and the sites inside each."""

    blocks: str = ""
    final_norm: str | None = None
    like: str | None = None
    sites: dict[SiteName, SitePath] = {}


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    hf: dict[str, Architecture]


def known_architecture(model_type: str) -> Architecture | None:
    """Return the table's entry for a Hugging Face `model_type`, or None.

    Raises:
        ConfigError: The table does not fit its own rules.
    """
    table = _table().hf
    entry = table.get(model_type)
    if entry is None or entry.like is None:
        return entry
    if entry.like not in table:
        raise ConfigError(f"architectures.toml: `{model_type}` is like `{entry.like}`, which is not there")
    return table[entry.like]


@cache
def _table() -> _Table:
    return load(folder() / "architectures.toml", _Table)
