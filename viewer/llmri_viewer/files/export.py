"""Tables as files: numpy's npz, or CSV."""

import csv
import io
from pathlib import Path
from typing import IO

import numpy as np

from llmri_viewer.files.tables import Column, Table
from llmri_viewer.files.writing import whole
from llmri_viewer.options import ExportName

REPEATED = ("model", "site", "turn", "token")  # facts that a CSV row says again


def write(table: Table, path: Path, kind: ExportName) -> None:
    """Write a table whole, or not at all.

    npz has an array a column, and a 0-dimensional one a fact, such as `edits`, which is JSON. CSV has a
    heading, a row a row, and of the facts model, site, turn and token.

    Raises:
        OSError: It cannot be written.
    """
    with whole(path) as file:
        if kind == "npz":
            np.savez_compressed(file, allow_pickle=False, **_arrays(table))
        else:
            _write_csv(table, file)


def _arrays(table: Table) -> dict[str, Column]:
    facts = {name: np.asarray(value) for name, value in table.facts.items() if name not in table.columns}
    return {**facts, **table.columns}


def _write_csv(table: Table, file: IO[bytes]) -> None:
    facts = {
        name: table.facts[name] for name in REPEATED if name in table.facts and name not in table.columns
    }
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text)
    rows.writerow([*facts, *table.columns])
    for row in zip(*(column.tolist() for column in table.columns.values()), strict=True):
        rows.writerow([*facts.values(), *row])
    text.detach()
