"""The key table: which key gives which command. Help and docs are made from the same rows."""

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmri_protocol import configs
from llmri_viewer.commands import GESTURES, NAMED

Mode = Literal["view", "circles", "hebbian", "chat", "help"]
Group = Literal["look", "clusters", "time", "touch", "colour", "talk", "program"]

GESTURE_KEYS = ("click", "shift+click", "doubleclick", "drag", "wheel", "shift+wheel")
ON_ITS_OWN = ("view", "chat")  # modes whose keys are all there are; in the others the view's hold, too
TITLES: dict[Group, str] = {
    "look": "Look",
    "clusters": "Clusters",
    "time": "Move in time",
    "touch": "Select and edit",
    "colour": "Colours",
    "talk": "Chat box",
    "program": "Program",
}
SHOWN = {
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "tab": "Tab",
    "space": "Space",
    "escape": "Esc",
    "return": "Enter",
    "backspace": "Backspace",
    "doubleclick": "double click",
}


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row: keys, the command they give, and what it does in words."""

    keys: Annotated[tuple[str, ...], Meta(min_length=1)]
    command: str
    description: str = ""
    group: Group = "program"
    mode: Mode = "view"

    @property
    def shown_keys(self) -> str:
        """Give the keys as people write them."""
        return "  ".join(shown(key) for key in self.keys)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    binding: tuple[Binding, ...]


@dataclass(frozen=True)
class Bindings:
    """A checked key table."""

    rows: tuple[Binding, ...]

    def command(self, mode: str, key: str) -> str | None:
        """Give the name of the command a key stands for: in a mode's own rows, else in the view's."""
        modes = (mode,) if mode in ON_ITS_OWN else (mode, "view")
        for wanted in modes:
            for row in self.rows:
                if row.mode == wanted and key in row.keys:
                    return row.command
        return None

    def keys_of(self, command: str) -> str:
        """Give the first key of a command as people write it, for hints."""
        return next((shown(row.keys[0]) for row in self.rows if row.command == command), "?")


def shown(key: str) -> str:
    """Give a key as people write it: `shift+click` becomes `Shift+click`, `b` becomes `B`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    name = SHOWN.get(last, last.upper() if len(last) == 1 or last[1:].isdigit() else last)
    return "+".join([*(part.capitalize() for part in modifiers), name])


def load(overrides: Path | None = None) -> Bindings:
    """Give the bundled table, with the rows of a file in place of those that have the same command.

    Raises:
        ConfigError: A file cannot be read, a command is unknown, or two rows want one key.
    """
    path = configs.folder() / "keys.toml"
    rows = list(configs.load(path, _File).binding)
    for own in configs.load(overrides, _File).binding if overrides else ():
        at = [i for i, row in enumerate(rows) if (row.command, row.mode) == (own.command, own.mode)]
        if at:
            known = rows[at[0]]
            rows[at[0]] = msgspec.structs.replace(
                own, description=own.description or known.description, group=known.group
            )
        else:
            rows.append(own)
    return checked(rows, str(overrides or path))


def checked(rows: Iterable[Binding], origin: str) -> Bindings:
    """Give the table if every command exists and no key stands twice in a mode.

    Raises:
        ConfigError: Otherwise; the message names the key and both commands, or the nearest command.
    """
    table = Bindings(tuple(rows))
    for row in table.rows:
        _check_command(row, origin)
    claims = Counter((row.mode, key) for row in table.rows for key in row.keys)
    for (mode, key), count in claims.items():
        if count > 1:
            rivals = [row.command for row in table.rows if row.mode == mode and key in row.keys]
            raise configs.ConfigError(
                f"{origin}: the key `{key}` stands for both `{rivals[0]}` and `{rivals[-1]}` "
                f"in mode `{mode}`; give one of them another key"
            )
    return table


def _check_command(row: Binding, origin: str) -> None:
    known = (*NAMED, *GESTURES)
    if row.command not in known:
        nearest = difflib.get_close_matches(row.command, known, n=1, cutoff=0.0)[0]
        raise configs.ConfigError(f"{origin}: there is no command `{row.command}`; did you mean `{nearest}`?")
    for key in row.keys:
        if (key in GESTURE_KEYS) != (row.command in GESTURES):
            kind = "a gesture" if row.command in GESTURES else "a key"
            raise configs.ConfigError(
                f"{origin}: `{row.command}` needs {kind}, but `{key}` is none; "
                f"gestures are {', '.join(GESTURE_KEYS)}"
            )


def markdown(table: Bindings) -> str:
    """Give the table as the page `docs/keys.md`."""
    lines = [
        "# Keys of `llmri view`",
        "",
        "Made from `configs/keys.toml` by `python -m llmri_viewer.keys_page`.",
        "The help overlay (F1) shows the same rows.",
        "A file of the same form given with `--keys-file` replaces the keys of the commands it names.",
    ]
    for group, title in TITLES.items():
        rows = [row for row in table.rows if row.group == group]
        lines += ["", f"## {title}", "", "| key | does | command |", "| --- | --- | --- |"]
        for row in rows:
            keys = ", ".join(f"`{shown(key)}`" for key in row.keys)
            lines.append(f"| {keys} | {row.description} | `{row.command}` |")
    return "\n".join(lines) + "\n"
