"""What is shown as files: tables as numpy's npz or as CSV, pictures as PNG."""

import csv
import io
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from llmri_viewer.files.film import FilmFrame
from llmri_viewer.files.writing import whole
from llmri_viewer.model.options import ExportName
from llmri_viewer.views.table import Column, Table

BLOCK = 1024  # rows of a CSV made at once: a window that is drawn meanwhile gets its turn in between
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


def write_picture(shot: FilmFrame, file: IO[bytes]) -> None:
    """Write a picture as PNG, with what is known of it as text in the file."""
    said = PngInfo()
    for name, value in shot.facts.items():
        said.add_itxt(name, str(value))
    Image.frombytes("RGB", shot.size, shot.rgb).save(file, "PNG", pnginfo=said)


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
    for first in range(0, len(table), BLOCK):
        block = [column[first : first + BLOCK].tolist() for column in table.columns.values()]
        rows.writerows([*facts.values(), *row] for row in zip(*block, strict=True))
    text.detach()
