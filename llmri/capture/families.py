"""Profiles: which family a model is of, and what its nodes are; data in `configs/capture.toml`."""

from collections.abc import Mapping
from functools import cache

import msgspec

from llmri.capture.document import Category
from llmri.capture.errors import CaptureError
from llmri_protocol.configs import folder, load
from llmri_protocol.suggestions import did_you_mean

OTHER = "other"  # the family of what no profile claims

Kinds = dict[Category, dict[str, str]]
Meaning = tuple[str, Category]  # the kind and its category


class _Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    architectures: tuple[str, ...]
    names: tuple[str, ...] = ()
    experts: bool = False
    nodes: Kinds = {}


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    default_prompts: tuple[str, ...]
    layers: dict[str, int]
    nodes: Kinds
    weights: Kinds
    operations: Kinds
    families: dict[str, _Family]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What the nodes of a family's graphs are.

    Attributes:
        family: Its name.
        title: The same, to be read by people.
        layers: The layers of nodes outside of the blocks.
        nodes: The kind and category of a node, by its name without its layer.
        weights: The same of a node without a name, by the weight that it multiplies with.
        operations: The same, by its operation.
    """

    family: str
    title: str
    layers: Mapping[str, int]
    nodes: Mapping[str, Meaning]
    weights: Mapping[str, Meaning]
    operations: Mapping[str, Meaning]


def families() -> dict[str, str]:
    """Return the title of every family, by its name."""
    return {name: family.title for name, family in _table().families.items()}


def default_prompts() -> tuple[str, ...]:
    """Return what is said where nothing else is asked for."""
    return _table().default_prompts


def profile_of(family: str) -> Profile:
    """Return a family's profile.

    Raises:
        CaptureError: There is none.
    """
    table = _table()
    if family not in table.families:
        known = table.families
        raise CaptureError(
            f"there is no family `{family}`, known are {', '.join(known)}{did_you_mean(family, known)}"
        )
    own = table.families[family]
    beyond = [other.nodes for other in table.families.values() if other is not own]
    return Profile(
        family=family,
        title=own.title,
        layers=table.layers,
        nodes=_merged(*beyond, table.nodes, own.nodes),
        weights=_merged(table.weights),
        operations=_merged(table.operations),
    )


def guess_family(metadata: Mapping[str, str]) -> str:
    """Return the family that a file's metadata speaks for."""
    architecture = metadata.get("general.architecture", "")
    name = metadata.get("general.name", "").lower()
    experts = metadata.get(f"{architecture}.expert_count", "0") != "0"
    candidates = {
        family: entry for family, entry in _table().families.items() if architecture in entry.architectures
    }
    for family, entry in candidates.items():
        if any(piece in name for piece in entry.names):
            return family
    if experts:
        return next((family for family, entry in reversed(candidates.items()) if entry.experts), OTHER)
    unnamed = [family for family, entry in candidates.items() if not entry.names]
    return (unnamed or list(candidates) or [OTHER])[0]


def _merged(*tables: Kinds) -> dict[str, Meaning]:
    """Return the meaning of every name; a later table wins."""
    return {
        name: (kind, category)
        for table in tables
        for category, kinds in table.items()
        for name, kind in kinds.items()
    }


@cache
def _table() -> _Table:
    return load(folder() / "capture.toml", _Table)
