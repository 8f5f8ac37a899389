"""Results as values, and as tables: with rich on a terminal, in Markdown for the docs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.foreign import MOST_FOREIGN, ForeignCpu
from benchmarks.pairs import Spread

Justify = Literal["left", "right"]

COLUMNS = ("measured", "median", "quartiles", "gate", "")
NAMES = 24  # characters that a terminal leaves at least to what a row is about
JUSTIFY: tuple[Justify, ...] = ("left", "right", "right", "right", "left")


class Verdict(StrEnum):
    """What became of a gate."""

    MET = "met"
    MISSED = "missed"
    VOID = "void"
    NONE = ""


@dataclass(frozen=True)
class Gate:
    """A bound that the median has to keep."""

    bound: float
    at_most: bool = True

    def met_by(self, figure: float) -> bool:
        """Whether the figure is on the right side."""
        return figure <= self.bound if self.at_most else figure >= self.bound


def percent(figure: float) -> str:
    """Write a share as a percentage."""
    return f"{100 * figure:.2f} %"


def plain(figure: float) -> str:
    """Write a ratio, or a number with a unit of its own, to three figures or to the last whole one."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def nanoseconds(figure: float) -> str:
    """Write seconds in nanoseconds."""
    return f"{plain(1e9 * figure)} ns"


def microseconds(figure: float) -> str:
    """Write seconds in microseconds."""
    return f"{plain(1e6 * figure)} µs"


def milliseconds(figure: float) -> str:
    """Write seconds in milliseconds."""
    return f"{plain(1e3 * figure)} ms"


@dataclass(frozen=True)
class Row:
    """One measured thing; without a gate it is told and not judged."""

    name: str
    spread: Spread
    gate: Gate | None = None
    write: Callable[[float], str] = plain


@dataclass(frozen=True)
class Section:
    """One run: what it measured, under which conditions, and how busy the machine was."""

    title: str
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    foreign: ForeignCpu
    attempts: int = 1

    def verdict(self, row: Row) -> Verdict:
        """Judge a row; in a void run nothing is met and nothing missed."""
        if row.gate is None:
            return Verdict.NONE
        if self.foreign.void:
            return Verdict.VOID
        return Verdict.MET if row.gate.met_by(row.spread.median) else Verdict.MISSED

    @property
    def void(self) -> bool:
        """Whether the machine was too busy."""
        return self.foreign.void

    @property
    def missed(self) -> bool:
        """Whether a valid run misses a gate."""
        return any(self.verdict(row) is Verdict.MISSED for row in self.rows)

    def with_note(self, note: str) -> "Section":
        """Return the same section with one note more."""
        return replace(self, notes=(*self.notes, note))

    @property
    def weather(self) -> str:
        """Return the sentence on foreign CPU."""
        seen = f"Foreign CPU: {percent(self.foreign.share)} of the machine"
        if not self.foreign.void:
            return f"{seen}."
        tries = "" if self.attempts == 1 else f", the last of {self.attempts} attempts"
        return f"VOID{tries}. {seen}, at most {percent(MOST_FOREIGN)} is allowed: the numbers mean nothing."


@dataclass(frozen=True)
class Account:
    """What an experiment found, as a table of its own: nothing in it is timed, so nothing can be void.

    It is told and not judged. Cells are Markdown without formatting; the first column is text.
    """

    title: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    missed: bool = field(default=False, init=False)
    void: bool = field(default=False, init=False)


Part = Section | Account


def to_terminal(part: Part) -> RenderableType:
    """Return a section as a coloured table with its notes."""
    notes = (Text(note, style="dim") for note in part.notes)
    if isinstance(part, Account):
        return Group(_account_table(part), *notes, Text())
    weather = Text(part.weather, style="yellow" if part.void else "dim")
    return Group(_section_table(part), weather, *notes, Text())


def _account_table(account: Account) -> Table:
    table = _titled(account.title)
    for column, justify in zip(account.columns, _justified(len(account.columns)), strict=True):
        table.add_column(column, justify=justify, min_width=NAMES if justify == "left" else None)
    for row in account.rows:
        table.add_row(*row)
    return table


def _section_table(section: Section) -> Table:
    table = _titled(section.title)
    for column, justify in zip(COLUMNS, JUSTIFY, strict=True):
        table.add_column(column, justify=justify)
    for row in section.rows:
        verdict = section.verdict(row)
        style = {Verdict.MET: "green", Verdict.MISSED: "bold red", Verdict.VOID: "yellow"}.get(verdict, "")
        table.add_row(*_cells(row), Text(verdict, style=style))
    return table


def _titled(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", show_edge=False)


def _justified(columns: int) -> tuple[Justify, ...]:
    right: Justify = "right"
    return ("left", *(right for _ in range(columns - 1)))


def to_markdown(part: Part) -> str:
    """Return a section in Markdown."""
    if isinstance(part, Account):
        table = _markdown_table(part.columns, part.rows, _justified(len(part.columns)))
    else:
        rows = [(*_cells(row), part.verdict(row).value) for row in part.rows]
        table = [*_markdown_table(COLUMNS, rows, JUSTIFY), "", part.weather]
    lines = [f"## {part.title}", "", *table]
    lines += [line for note in part.notes for line in ("", note)]
    return "\n".join(lines) + "\n"


def _markdown_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], justify: Sequence[Justify]
) -> list[str]:
    rule = ["---:" if side == "right" else "---" for side in justify]
    return [_line(columns), _line(rule), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> tuple[str, str, str, str]:
    spread, write = row.spread, row.write
    gate = ""
    if row.gate is not None:
        gate = f"{'≤' if row.gate.at_most else '≥'} {write(row.gate.bound)}"
    return row.name, write(spread.median), f"{write(spread.lower)} to {write(spread.upper)}", gate
