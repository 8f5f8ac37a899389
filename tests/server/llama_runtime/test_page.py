"""docs/gguf.md says what the program does."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmri_server.cli.command import app
from llmri_server.llama_runtime.options import LONGEST_CONTEXT
from tests.server.llama_runtime.families.table import FAMILIES

PAGE = (Path(__file__).parents[3] / "docs" / "gguf.md").read_text("utf-8")


@pytest.mark.parametrize(
    "option", ["--context", "--gpu-layers", "--threads", "--flash-attention", "--device"]
)
def test_every_option_of_the_page_exists(option: str) -> None:
    assert option in PAGE
    assert option in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output


def test_the_longest_context_is_the_one_that_is_told() -> None:
    assert re.search(rf"at most {LONGEST_CONTEXT} \|", PAGE)


def test_the_families_that_are_held_against_a_twin_are_named() -> None:
    assert [family.architecture for family in FAMILIES if f"`{family.architecture}`" not in PAGE] == []
