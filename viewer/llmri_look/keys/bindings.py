"""The key table: which key gives which command. Help and docs are made from the same rows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmri_look.command_words import COMMANDS, GESTURES
from llmri_look.keys import keynames
from llmri_look.view_names import KEPT_TO_THEMSELVES, Mode, ViewName
from llmri_protocol import configs
from llmri_protocol.suggestions import did_you_mean

Group = Literal["look", "views", "clusters", "time", "touch", "colour", "talk", "program"]

GESTURE_KEYS = keynames.GESTURES
ON_ITS_OWN = ("view", "chat", "goto")
"""Modes with no keys but their own; in the others the view's hold, too."""
PLACEHOLDER = re.compile(r"\{([a-z0-9_]+\.[a-z0-9_]+)\}")


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row: keys, the command they give, and what it does in words.

    A row with a `title` shows a view, and the title heads the view's own keys.
    """

    keys: Annotated[tuple[str, ...], Meta(min_length=1)]
    command: str
    description: str = ""
    group: Group = "program"
    mode: Mode = "view"
    title: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    binding: tuple[Binding, ...]


@dataclass(frozen=True)
class Bindings:
    """A checked key table."""

    rows: tuple[Binding, ...]

    def command(self, mode: str, key: str) -> str | None:
        """Return the name of the command a key stands for: in a mode's own rows, else in the view's."""
        for wanted in modes_in(mode):
            for row in self.rows:
                if row.mode == wanted and key in row.keys:
                    return row.command
        return None

    def keys_of(self, command: str) -> str:
        """Return the first key of a command as people write it, for hints."""
        return self._first_keys.get(command, "?")

    @cached_property
    def _first_keys(self) -> Mapping[str, str]:
        return {row.command: keynames.shown(row.keys[0]) for row in reversed(self.rows)}

    def keys_for(self, *commands: str) -> frozenset[str]:
        """Return all keys of some commands, in any mode."""
        return frozenset(key for row in self.rows if row.command in commands for key in row.keys)

    def spelled(self, sentence: str) -> str:
        """Return a sentence with each command in braces, such as `{chat.open}`, replaced by its key."""
        return PLACEHOLDER.sub(
            lambda found: self.keys_of(found[1]) if found[1] in commands() else found[0], sentence
        )


def modes_in(mode: str) -> tuple[str, ...]:
    """Return the modes whose rows hold in a mode, the first before the second."""
    return (mode,) if mode in ON_ITS_OWN else (mode, "view")


def _bundled() -> tuple[Path, tuple[Binding, ...]]:
    path = configs.folder() / "keys.toml"
    return path, configs.load(path, _File).binding


@cache
def view_titles() -> Mapping[ViewName, str]:
    """Return what heads the keys of each view that has a key: the bundled table lists the views."""
    titles = {row.command.partition(".")[0]: row.title for row in _bundled()[1] if row.title}
    return MappingProxyType(titles)


@cache
def commands() -> frozenset[str]:
    """Return all commands that a key gives."""
    return frozenset(COMMANDS).union(f"{name}.toggle" for name in view_titles())


def modes() -> tuple[Mode, ...]:
    """Return the names of all key tables."""
    return ("view", *view_titles(), *KEPT_TO_THEMSELVES)


def load(overrides: Path | None = None) -> Bindings:
    """Return the bundled table, with the rows of a file in place of those that have the same command.

    Raises:
        ConfigError: A file cannot be read, a command or key is unknown, or two rows want one key.
    """
    path, rows = _bundled()
    if overrides is None:
        return checked(rows, str(path))
    own = configs.load(overrides, _File).binding
    _check_own(own, str(overrides))
    return checked(_replaced(list(rows), own), str(overrides))


def checked(rows: Iterable[Binding], origin: str) -> Bindings:
    """Return the table if every command and key exists and no key stands twice in a mode.

    Raises:
        ConfigError: Otherwise; the message names mode, key and both commands, or the nearest command.
    """
    table = Bindings(tuple(rows))
    claims: dict[tuple[str, str], str] = {}
    for row in table.rows:
        _check_command(row, origin)
        for key in row.keys:
            rival = claims.setdefault((row.mode, key), row.command)
            if rival != row.command:
                raise configs.ConfigError(
                    f"{origin}: the key `{key}` stands for both `{rival}` and `{row.command}` "
                    f"in mode `{row.mode}`; give one of them another key"
                )
        if len(set(row.keys)) < len(row.keys):
            twice = next(key for key in row.keys if row.keys.count(key) > 1)
            raise configs.ConfigError(
                f"{origin}: the key `{twice}` is written twice for `{row.command}` in mode `{row.mode}`"
            )
    return table


def _replaced(rows: list[Binding], own: Iterable[Binding]) -> list[Binding]:
    """Return the rows with a person's own in place of those of the same command and mode, or after all."""
    places = {(row.command, row.mode): place for place, row in enumerate(rows)}
    for row in own:
        place = places.get((row.command, row.mode))
        if place is None:
            rows.append(row)
        else:
            known = rows[place]
            words = row.description or known.description
            rows[place] = msgspec.structs.replace(
                row, description=words, group=known.group, title=known.title
            )
    return rows


def _check_own(own: tuple[Binding, ...], origin: str) -> None:
    """See that a file adds no view, and names each command once a mode: of two, only the last would hold."""
    seen: set[tuple[str, str]] = set()
    for row in own:
        if row.title:
            raise configs.ConfigError(
                f"{origin}: `{row.command}` has a title, but only the bundled table lists views; leave it out"
            )
        if (row.command, row.mode) in seen:
            raise configs.ConfigError(
                f"{origin}: there are two rows for `{row.command}` in mode `{row.mode}`; "
                "give all its keys in one"
            )
        seen.add((row.command, row.mode))


def _check_command(row: Binding, origin: str) -> None:
    known = (*sorted(commands()), *GESTURES)
    if row.command not in known:
        meant = did_you_mean(row.command, known)
        raise configs.ConfigError(f"{origin}: there is no command `{row.command}`{meant}")
    if row.mode not in modes():
        meant = did_you_mean(row.mode, modes())
        raise configs.ConfigError(f"{origin}: there is no mode `{row.mode}` for `{row.command}`{meant}")
    for key in row.keys:
        fault = keynames.fault(key)
        if fault:
            raise configs.ConfigError(f"{origin}: there is no key `{key}` for `{row.command}`; {fault}")
        if (key in GESTURE_KEYS) != (row.command in GESTURES):
            kind = "a gesture" if row.command in GESTURES else "a key"
            raise configs.ConfigError(
                f"{origin}: `{row.command}` needs {kind}, but `{key}` is none; "
                f"gestures are {', '.join(GESTURE_KEYS)}"
            )
