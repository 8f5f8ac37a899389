"""Results as values, and as tables: with rich on a terminal, in Markdown for the docs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.foreign import MOST_FOREIGN, ForeignCpu
from benchmarks.pairs import Spread

COLUMNS = ("measured", "median", "quartiles", "gate", "")


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
    def missed(self) -> bool:
        """Whether a valid run misses a gate."""
        return any(self.verdict(row) is Verdict.MISSED for row in self.rows)

    def with_note(self, note: str) -> "Section":
        """Give the same section with one note more."""
        return replace(self, notes=(*self.notes, note))

    @property
    def weather(self) -> str:
        """Give the sentence on foreign CPU."""
        seen = f"Foreign CPU: {percent(self.foreign.share)} of the machine"
        if not self.foreign.void:
            return f"{seen}."
        tries = "" if self.attempts == 1 else f", the last of {self.attempts} attempts"
        return f"VOID{tries}. {seen}, at most {percent(MOST_FOREIGN)} is allowed: the numbers mean nothing."


def to_terminal(section: Section) -> RenderableType:
    """Give a section as a coloured table with its notes."""
    table = Table(title=section.title, title_justify="left", title_style="bold", show_edge=False)
    for column, justify in zip(COLUMNS, ("left", "right", "right", "right", "left"), strict=True):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]  # a literal of rich's own
    for row in section.rows:
        verdict = section.verdict(row)
        style = {Verdict.MET: "green", Verdict.MISSED: "bold red", Verdict.VOID: "yellow"}.get(verdict, "")
        table.add_row(*_cells(row), Text(verdict, style=style))
    weather = Text(section.weather, style="yellow" if section.foreign.void else "dim")
    return Group(table, weather, *(Text(note, style="dim") for note in section.notes), Text())


def to_markdown(section: Section) -> str:
    """Give a section in Markdown."""
    lines = [f"## {section.title}", "", *_markdown_table(section), "", section.weather]
    lines += [line for note in section.notes for line in ("", note)]
    return "\n".join(lines) + "\n"


def _markdown_table(section: Section) -> Sequence[str]:
    rows = [(*_cells(row), section.verdict(row).value) for row in section.rows]
    return [_line(COLUMNS), "| --- | ---: | ---: | ---: | --- |", *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> tuple[str, str, str, str]:
    spread, write = row.spread, row.write
    gate = ""
    if row.gate is not None:
        gate = f"{'≤' if row.gate.at_most else '≥'} {write(row.gate.bound)}"
    return row.name, write(spread.median), f"{write(spread.lower)} to {write(spread.upper)}", gate
