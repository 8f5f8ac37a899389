"""Tables of a checkpoint, each column written down once: for a terminal, as CSV and as JSON."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.box import SIMPLE_HEAD
from rich.table import Table

from llmri_protocol.printable import printable

Row = TypeVar("Row")
Cell = str | int | float | list[int] | None


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table.

    Attributes:
        name: In CSV and JSON.
        heading: On a terminal; nothing where it is left out there.
        value: Returns a row's own.
    """

    name: str
    heading: str
    value: Callable[[Row], Cell]


def as_json(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str:
    """Return a list of objects, a row each; a value that is not there is null."""
    return (
        json.dumps([{column.name: column.value(row) for column in columns} for row in rows], indent=1) + "\n"
    )


def as_csv(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str:
    """Return a heading and a line a row; a value that is not there is empty, a shape like `2x3`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in columns)
    for row in rows:
        writer.writerow(_plain(column.value(row)) for column in columns)
    return text.getvalue()


def as_table(title: str, columns: Sequence[Column[Row]], rows: Sequence[Row]) -> Table:
    """Return a table for a terminal, with four significant digits."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")
    shown = [column for column in columns if column.heading]
    for index, column in enumerate(shown):
        table.add_column(column.heading, justify="left" if not index else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_short(column.value(row)) for column in shown))
    return table


def _plain(cell: Cell) -> str | int | float:
    if isinstance(cell, list):
        return "x".join(map(str, cell))
    return "" if cell is None else cell


def _short(cell: Cell) -> str:
    if isinstance(cell, list):
        return "×".join(map(str, cell))  # noqa: RUF001  it is a product
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return "" if cell is None else printable(str(cell)).replace("[", "\\[")
