"""The names of views, and of the key tables that hold in them: what else lists views has them from here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

KeyedView = Literal["hebbian", "circles", "spectral", "influence", "layers", "tokens", "compare"]
"""Views with keys of their own."""

ViewName = Literal["grid", KeyedView]
ViewMode = Literal["view", KeyedView]
"""The key table of a view: its own, or that which holds in every view."""

Mode = Literal[ViewMode, "chat", "goto", "help"]
"""All key tables."""

OWN_KEYS: Mapping[ViewName, ViewMode] = MappingProxyType({name: name for name in get_args(KeyedView)})
"""The key table of each view that has one of its own."""

TITLES: Mapping[Mode, str] = MappingProxyType(
    {
        "hebbian": "In the Hebbian layout",
        "circles": "Among the circles",
        "spectral": "In the spectrum",
        "influence": "In the influence map",
        "layers": "In the view of all layers",
        "tokens": "In the view of tokens",
        "compare": "In the comparison",
        "chat": "In the chat box",
        "goto": "While typing where to go",
        "help": "In the help",
    }
)
"""What heads the keys of each table but the one that holds in every view."""
