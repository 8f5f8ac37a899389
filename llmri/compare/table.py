"""What was compared, as tables for a terminal, as Markdown and as CSV."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from llmri.compare.comparison import Compared
from llmri_protocol.user_files import whole_text

Cells = list[list[str]]


def percent(share: float) -> str:
    """Return a share as a percentage of two significant digits, without its sign."""
    value = 100 * share
    if not value or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}"


def activations(compared: Compared) -> Cells:
    """Return the errors of one model: a heading, a row a layer, and the last row over all layers."""
    sites = list(compared.sites)
    layers = len(next(iter(compared.sites.values()), ()))
    rows = [["layer", *sites]]
    rows += [
        [str(layer), *(percent(compared.sites[site][layer]) for site in sites)] for layer in range(layers)
    ]
    return [*rows, ["mean", *(percent(float(compared.sites[site].mean())) for site in sites)]]


def predictions(results: Sequence[Compared]) -> Cells:
    """Return what became of the predictions: a heading, and a row a model."""
    rows = [["", "error of the logits, %", "divergence, nats", "same likeliest token, %"]]
    for compared in results:
        told = compared.predictions
        rows.append(
            [compared.name, percent(told.error), f"{told.divergence:.2g}", f"{100 * told.agreement:.1f}"]
        )
    return rows


def tables(results: Sequence[Compared]) -> Iterator[Table]:
    """Lay everything out for a terminal."""
    for compared in results:
        yield _table(f"{compared.name}: error of the activations, %", activations(compared))
    yield _table("Predictions", predictions(results))


def markdown(results: Sequence[Compared]) -> str:
    """Lay everything out for a page."""
    parts = [
        f"### {compared.name}: error of the activations, %\n\n{_markdown(activations(compared))}"
        for compared in results
    ]
    parts.append(f"### Predictions\n\n{_markdown(predictions(results))}")
    return "\n".join(parts)


def write_csv(path: Path, results: Sequence[Compared]) -> None:
    """Write all errors of activations as numbers: model, site, layer, relative error."""
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(("model", "site", "layer", "relative_error"))
        for compared in results:
            for site, errors in compared.sites.items():
                for layer, error in enumerate(errors):
                    writer.writerow((compared.name, site, layer, float(error)))


def _table(title: str, cells: Cells) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title_justify="left")
    for heading in cells[0]:
        table.add_column(heading, justify="right")
    for row in cells[1:]:
        table.add_row(*row)
    return table


def _markdown(cells: Cells) -> str:
    heading, *rows = cells
    lines = [heading, ["---:"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
