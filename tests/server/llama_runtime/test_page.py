"""docs/gguf.md says what the program does."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmri_server.command import app
from llmri_server.llama_runtime import architectures
from llmri_server.llama_runtime.architectures import Node, nodes_of
from llmri_server.llama_runtime.options import LONGEST_CONTEXT

PAGE = (Path(__file__).parents[3] / "docs" / "gguf.md").read_text("utf-8")
SITES = ("resid_mid", "resid_post", "attn_out", "z", "mlp_act", "mlp_out")


def table_of_sites() -> str:
    """Give the table of sites in Markdown: which nodes may be each, the first that is there."""
    lines = [f"| architecture | {' | '.join(SITES)} |", "| --- " * (len(SITES) + 1) + "|"]
    for name in architectures._table():
        cells = [written(nodes_of(name).sites.get(site, ())) for site in SITES]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def written(nodes: Sequence[Node]) -> str:
    names = [f"`{node.node}`" if node.node else f"{node.op} of {node.reads}" for node in nodes]
    return ", ".join(dict.fromkeys(names))


def test_the_table_of_sites_is_that_of_the_configuration() -> None:
    assert table_of_sites() in PAGE, table_of_sites()


@pytest.mark.parametrize(
    "option", ["--context", "--gpu-layers", "--threads", "--flash-attention", "--device"]
)
def test_every_option_of_the_page_exists(option: str) -> None:
    assert option in PAGE
    assert option in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output


def test_the_longest_context_is_the_one_that_is_told() -> None:
    assert re.search(rf"at most {LONGEST_CONTEXT} \|", PAGE)
