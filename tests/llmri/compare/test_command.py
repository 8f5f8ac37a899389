"""`llmri compare-runtimes`, and the tables of docs/gguf.md, which it made."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from llmri.compare.command import app
from llmri.compare.table import percent
from tests.gguf_models import gguf_model

PAGE = Path(__file__).parents[3] / "docs" / "gguf.md"


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def tables(page: str) -> list[list[list[str]]]:
    """Return the cells of every Markdown table whose numbers are aligned to the right."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        for block in blocks
        if "---:" in block
    ]


def numbers(cells: list[list[str]]) -> list[float]:
    """Return all numbers of a table, without its first column."""
    return [float(cell) for row in cells[2:] for cell in row[1:]]


def test_the_tables_of_the_page_are_what_the_program_finds() -> None:
    """Numbers may differ by a fifth: processors multiply in other orders."""
    found = subprocess.run(
        [sys.executable, "-m", "llmri", "compare-runtimes", "--markdown"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    here, there = tables(PAGE.read_text("utf-8")), tables(found.stdout)
    assert len(here) == len(there) == 4
    for written, measured in zip(here, there, strict=True):
        assert written[0] == measured[0]
        assert [row[0] for row in written] == [row[0] for row in measured]
        np.testing.assert_allclose(numbers(written), numbers(measured), rtol=0.2, atol=1e-6)


def test_files_are_compared_and_written_as_csv(tmp_path: Path) -> None:
    made = gguf_model("qwen3", tmp_path, "f16")
    out = tmp_path / "errors.csv"
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat", "utf-8")
    done = compare(
        str(tmp_path / "tiny-qwen3"), str(made.path), "--text", str(text), "--out", str(out), "--tokens", "8"
    )
    assert done.exit_code == 0, done.output
    assert "tiny-qwen3-f16: error of the activations, %" in done.stdout
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len({row["site"] for row in rows})
    assert all(0 <= float(row["relative_error"]) < 2e-3 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.gguf"], "nothing.gguf"),
        (["pocket", "nothing.gguf"], "nothing.gguf"),
        (["pocket", "--text", "nothing.txt"], "nothing.txt"),
        (["pocket", "--edits", "nothing.toml"], "nothing.toml"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(arguments: list[str], said: str) -> None:
    done = compare(*arguments)
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "0"), (1.63e-4, "0.016"), (0.0123, "1.2"), (0.999, "100"), (np.inf, "inf")]
)
def test_a_share_is_shown_with_two_digits(share: float, shown: str) -> None:
    assert percent(share) == shown
