"""An experiment's figures on the terminal, and as CSV."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from llmri.experiment.wording import KINDS, TITLES, figure, interval, told
from llmri_protocol.printable import for_terminal, printable
from llmri_protocol.user_files import whole_text
from llmri_server.experiments.plan import Measure
from llmri_server.experiments.results import Results
from llmri_server.experiments.running import unchanged
from llmri_server.experiments.summary import Row

COLUMNS = (
    "operation", "dose", "layer", "units", "set", "draws", "group", "task", "measure", "mean", "low", "high",
    "p",
)  # fmt: skip
# Characters that columns take, with their rules.
EDIT, LAYER, UNITS, DRAWN_UNITS = 12, 8, 14, 25
COLUMN: dict[Measure, int] = {"score": 14, "loss": 17, "kl": 17}
CAPTION = (
    "Below a figure stands its 95 % interval: over questions, of a control over its draws. p is the share of "
    "sets, the chosen one among them, that harm at least as much as it does."
)


def tables(results: Results, rows: Sequence[Row], width: int) -> Iterator[Table]:
    """Lay the figures out: a table a measure, a row a condition and set, a column a task.

    A dose that changes nothing has no rows: the untouched model's are its. Where the tasks are too many for a
    terminal of that width, in characters, they come in several tables.
    """
    names = [task.name for task in results.tasks]
    for measure in results.plan.measures:
        there = [row for row in rows if row.measure == measure and not _neutral(results, row)]
        each = max(1, (width - _headings(results)) // COLUMN[measure])
        for first in range(0, len(names), each):
            yield _table(results, there, measure, names[first : first + each])


def write_csv(results: Results, rows: Sequence[Row], path: Path) -> None:
    """Write one line a condition, set, task and measure."""
    with whole_text(path) as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for row in rows:
            operation = row.condition.operation
            lines.writerow(
                (
                    "" if operation is None else results.plan.operations[operation].op,
                    "" if row.condition.dose is None else f"{row.condition.dose:g}",
                    "" if row.condition.layer is None else row.condition.layer,
                    f"{row.units:g}",
                    row.kind or "untouched",
                    row.draws,
                    row.group,
                    row.task,
                    row.measure,
                    *(f"{value:.6g}" for value in (row.mean, row.low, row.high)),
                    "" if row.p is None else f"{row.p:.4f}",
                )
            )


def _headings(results: Results) -> int:
    """Return the characters that the first columns take."""
    controlled = any(each.kind != "chosen" for each in results.sets)
    swept = results.plan.sweep == "layers"
    return EDIT + (LAYER if swept else 0) + (DRAWN_UNITS if controlled else UNITS)


def _neutral(results: Results, row: Row) -> bool:
    number = row.condition.operation
    return number is not None and unchanged(results.plan.operations[number], row.condition.dose)


def _table(results: Results, rows: Sequence[Row], measure: Measure, tasks: Sequence[str]) -> Table:
    table = Table(title=TITLES[measure], title_justify="left", title_style="bold", show_edge=False)
    table.add_column("edit", no_wrap=True)
    if results.plan.sweep == "layers":
        table.add_column("layer", justify="right")
    table.add_column("units")
    for task in tasks:
        table.add_column(Text(printable(task)), justify="right", no_wrap=True)
    lines: dict[tuple[object, ...], dict[str, Row]] = {}
    for row in rows:
        lines.setdefault((row.condition, row.kind), {})[row.task] = row
    for found in lines.values():
        first = next(iter(found.values()))
        layer = first.condition.layer
        table.add_row(
            Text(for_terminal(told(first.condition, results.plan))),
            *([] if results.plan.sweep == "none" else ["" if layer is None else str(layer)]),
            _units(first),
            *(_cell(found.get(task)) for task in tasks),
        )
    return table


def _units(row: Row) -> Text:
    if row.kind is None:
        return Text(KINDS[None])
    draws = "" if row.kind == "chosen" else f", {row.draws} draws"
    return Text.assemble(KINDS[row.kind], (f"\n{row.units:,.0f} units{draws}", "dim"))


def _cell(row: Row | None) -> Text:
    if row is None:
        return Text("-", style="dim")
    below = interval(row.low, row.high, row.measure)
    rare = "" if row.p is None else f"\np {row.p:.2f}"
    return Text.assemble(figure(row.mean, row.measure), (f"\n{below}{rare}", "dim"))
