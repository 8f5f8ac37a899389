"""`llmri weights`: the command line."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from llmri.weights import expert_table
from llmri.weights.differing import COLUMNS
from llmri.weights.expert_table import expert_rows
from llmri.weights.listing import columns
from llmri.weights.measuring import TensorRow, rows_of
from llmri.weights.opening import open_named
from llmri.weights.tables import Column, as_csv, as_json, as_table
from llmri_protocol.command_line import FAILED, Fitting, application, one_sentence, refuse
from llmri_protocol.printable import printable
from llmri_weights.aligned import aligned
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.comparison import compare
from llmri_weights.difference import Metric
from llmri_weights.errors import WeightsError
from llmri_weights.experts import experts

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
            help="`pocket`, a folder, an index, a .safetensors, .gguf, .bin, .pt or .pth file, or hf://owner/name[@revision][/file].",
        ),
    ] = "pocket",
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="With --diff: what is compared with MODEL.")
    ] = None,
    *,
    diff: Annotated[bool, typer.Option("--diff", help="Compare MODEL and OTHER.")] = False,
    moe: Annotated[
        bool, typer.Option("--moe", help="Show the experts of a mixture, each by itself.")
    ] = False,
    metric: Annotated[
        Metric, typer.Option("--metric", "--diff-metric", help="How two elements are compared.")
    ] = Metric.RMS,
    finetune: Annotated[
        bool,
        typer.Option("--finetune/--no-finetune", help="OTHER is made from MODEL."),
    ] = False,
    table: Annotated[TableKind, typer.Option(help="How the table is printed.")] = TableKind.TEXT,
    statistics: Annotated[
        bool, typer.Option("--statistics/--no-statistics", help="Read the values, or the headers alone.")
    ] = True,
) -> None:
    """Show a checkpoint's tensors and what their values are like, or what changed to another's."""
    if diff:
        with one_sentence(PROGRAM, WeightsError):
            problems = _differ(model, other, metric, table, finetune=finetune)
    elif moe and other is None:
        with one_sentence(PROGRAM, WeightsError):
            problems = _experts(model, table)
    elif other is not None:
        refuse(PROGRAM, f"{other} is one too many; --diff compares two checkpoints")
    else:
        with one_sentence(PROGRAM, WeightsError):
            problems = _list(model, table, measured=statistics)
    if problems:
        raise typer.Exit(FAILED)


def _list(model: str, table: TableKind, *, measured: bool) -> bool:
    """Print the table of one checkpoint, and return whether something is wrong with it."""
    with open_named(model) as checkpoint:
        tell(checkpoint.notices)
        rows = _measured(checkpoint, measured=measured)
        show(Path(model).name, columns(measured=measured), rows, table)
        return tell((*checkpoint.problems, *_found_faulty(checkpoint, rows)))


def _differ(model: str, other: str | None, metric: Metric, table: TableKind, *, finetune: bool) -> bool:
    """Print the table of two checkpoints, and return whether something is wrong with either."""
    if other is None:
        raise WeightsError("--diff wants two checkpoints: llmri weights --diff MODEL OTHER")
    with open_named(model) as first, open_named(other) as second:
        tell((*first.notices, *second.notices))
        with _progress() as progress:
            task = progress.add_task("Comparing", total=max(len(first.weights), len(second.weights)))
            rows = compare(
                first, second, metric, finetune=finetune, on_tensor=partial(progress.advance, task)
            )
        show(f"{Path(model).name} against {Path(other).name}", COLUMNS, rows, table)
        faults = [row.note for row in rows if row.faulty]
        return tell(list(dict.fromkeys((*first.problems, *second.problems, *faults))))


def _experts(model: str, table: TableKind) -> bool:
    """Print the table of a mixture's experts, and return whether something is wrong with them."""
    with open_named(model) as checkpoint:
        found = experts(aligned(checkpoint))
        if not found:
            raise WeightsError(f"{model} has no experts; --moe shows those of a mixture")
        with _progress() as progress:
            task = progress.add_task("Reading", total=len(found))
            rows = list(expert_rows(found, partial(progress.advance, task)))
        show(Path(model).name, expert_table.COLUMNS, rows, table)
        return tell(list(dict.fromkeys((*checkpoint.problems, *(row.note for row in rows if row.note)))))


def _progress(*, wanted: bool = True) -> Progress:
    return Progress(
        console=Console(stderr=True), transient=True, disable=not (wanted and sys.stderr.isatty())
    )


def _measured(checkpoint: Checkpoint, *, measured: bool) -> list[TensorRow]:
    with _progress(wanted=measured) as progress:
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
