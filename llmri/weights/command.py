"""`llmri weights`: the command line."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from llmri.weights.listing import columns
from llmri.weights.measuring import TensorRow, rows_of
from llmri.weights.opening import open_named
from llmri.weights.tables import Column, as_csv, as_json, as_table
from llmri_protocol.command_line import FAILED, Fitting, application, one_sentence
from llmri_protocol.printable import printable
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.errors import WeightsError

app = application()
PROGRAM = "llmri weights"
Row = TypeVar("Row")


class TableKind(StrEnum):
    """How a table is printed."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


@app.command()
def weights(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="`pocket`, a folder, an index, or a .safetensors, .gguf, .bin, .pt or .pth file.",
        ),
    ] = "pocket",
    *,
    table: Annotated[TableKind, typer.Option(help="How the table is printed.")] = TableKind.TEXT,
    statistics: Annotated[
        bool, typer.Option("--statistics/--no-statistics", help="Read the values, or the headers alone.")
    ] = True,
) -> None:
    """Show the tensors of a checkpoint: shapes, bytes, and what their values are like."""
    with one_sentence(PROGRAM, WeightsError), open_named(model) as checkpoint:
        tell(checkpoint.notices)
        rows = _measured(checkpoint, measured=statistics)
        show(Path(model).name, columns(measured=statistics), rows, table)
        problems = tell((*checkpoint.problems, *_found_faulty(checkpoint, rows)))
    if problems:
        raise typer.Exit(FAILED)


def _measured(checkpoint: Checkpoint, *, measured: bool) -> list[TensorRow]:
    with Progress(
        console=Console(stderr=True), transient=True, disable=not (measured and sys.stderr.isatty())
    ) as progress:
        task = progress.add_task("Reading", total=sum(weight.nbytes for weight in checkpoint.weights))
        return list(
            rows_of(checkpoint, measured=measured, on_tensor=lambda done: progress.advance(task, done.nbytes))
        )


def _found_faulty(checkpoint: Checkpoint, rows: Sequence[TensorRow]) -> list[str]:
    """Return what only reading the values has shown, each once."""
    found = (row.note for row in rows if row.faulty and row.note not in checkpoint.problems)
    return list(dict.fromkeys(found))


def show(title: str, shown: Sequence[Column[Row]], rows: Sequence[Row], kind: TableKind) -> None:
    """Print a table to standard output."""
    if kind is TableKind.TEXT:
        Console().print(Fitting(as_table(printable(title), shown, rows)))
    else:
        sys.stdout.write(as_json(shown, rows) if kind is TableKind.JSON else as_csv(shown, rows))


def tell(sentences: Sequence[str]) -> bool:
    """Print sentences to standard error, each on a line, and return whether there are any."""
    for sentence in sentences:
        sys.stderr.write(f"{PROGRAM}: {printable(' '.join(sentence.splitlines()))}\n")
    return bool(sentences)
