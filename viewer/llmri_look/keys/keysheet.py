"""The key table as people read it: sections of lines, rows that say the same joined in one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from types import MappingProxyType

from llmri_look.keys import keynames
from llmri_look.keys.bindings import Binding, Bindings, Group, modes_in, view_titles
from llmri_look.view_names import KEPT_TO_THEMSELVES, Mode

GROUPS: Mapping[Group, str] = MappingProxyType(
    {
        "look": "Look",
        "views": "Views",
        "clusters": "Clusters",
        "time": "Move in time",
        "touch": "Select and edit",
        "colour": "Colours",
        "talk": "Chat box",
        "program": "Program",
    }
)


@dataclass(frozen=True)
class Line:
    """Keys and what they do; `commands` has a name for each key."""

    keys: tuple[str, ...]
    description: str
    commands: tuple[str, ...]

    @cached_property
    def shown_keys(self) -> str:
        """Return the keys as people write them."""
        return keynames.together(self.keys)


@dataclass(frozen=True)
class Section:
    """Lines of one group of the view's keys, or of one other mode."""

    title: str
    lines: tuple[Line, ...]
    mode: Mode = "view"


def sections(table: Bindings) -> tuple[Section, ...]:
    """Return every row: the view's by group, then those of each other mode."""
    view = [
        Section(title, _lines(row for row in table.rows if (row.mode, row.group) == ("view", group)))
        for group, title in GROUPS.items()
    ]
    return tuple(section for section in (*view, *_of_modes(table)) if section.lines)


def sections_for(table: Bindings, mode: Mode) -> tuple[tuple[Section, ...], tuple[Section, ...]]:
    """Return the sections that hold in a mode, its own first, without what it rebinds; then the others."""
    own = {key for row in table.rows if row.mode == mode for key in row.keys} if mode != "view" else set()
    here: list[Section] = []
    elsewhere: list[Section] = []
    for section in sections(table):
        if section.mode == mode != "view":
            here.insert(0, section)
        elif section.mode in modes_in(mode):
            left = tuple(line for line in section.lines if not own.intersection(line.keys))
            here += [Section(section.title, left, section.mode)] if left else []
        else:
            elsewhere.append(section)
    return tuple(here), tuple(elsewhere)


def _of_modes(table: Bindings) -> list[Section]:
    return [
        Section(title, _lines(row for row in table.rows if row.mode == mode), mode)
        for mode, title in {**view_titles(), **KEPT_TO_THEMSELVES}.items()
    ]


def _lines(rows: Iterable[Binding]) -> tuple[Line, ...]:
    """Join neighbours that have the same description."""
    return tuple(
        Line(
            tuple(key for row in alike for key in row.keys),
            description,
            tuple(row.command for row in alike for _ in row.keys),
        )
        for description, found in groupby(rows, key=lambda row: row.description)
        if (alike := tuple(found))
    )
