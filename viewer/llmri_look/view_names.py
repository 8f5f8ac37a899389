"""The names of views, and of the key tables that hold in them; the views' own come from the key table."""

from collections.abc import Mapping
from types import MappingProxyType

ViewName = str
"""A view's name: its key's command is `NAME.toggle`, its own keys have it as their mode."""

Mode = str
"""The name of a key table: a view's own, `view` for what holds in every view, or one of the others."""

KEPT_TO_THEMSELVES: Mapping[Mode, str] = MappingProxyType(
    {"chat": "In the chat box", "goto": "While typing where to go", "help": "In the help"}
)
"""What heads the keys of each table that is of no view."""

SHARED_KEYS: Mapping[ViewName, Mode] = MappingProxyType({"grid": "view"})
"""Views without keys of their own, and the table that holds in them."""
