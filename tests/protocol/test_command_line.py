"""Tables and help that a terminal of 40 columns can show whole."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from llmri_protocol.command_line import Fitting, application


def table() -> Table:
    made = Table("edit", title="a title")
    made.add_column("addition\nheld out", justify="right", no_wrap=True)
    made.add_column(Text("capitals"), justify="right", no_wrap=True)
    made.add_row("[bold]ablated[/bold]", "7 %\n4 to 12", Text("100 %"))
    made.add_row("untouched by anything", "100 %", "99 %")
    return made


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(Fitting(table()))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_where_there_is_room_it_is_the_table() -> None:
    assert "untouched by anything" in printed(100)
    assert "capitals" in printed(100)
    assert "capitals:" not in printed(100)


@pytest.mark.parametrize("width", [20, 30])
def test_in_a_narrow_terminal_every_cell_is_still_read(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    for words in (
        "a title",
        "ablated",
        "addition held out:",
        "7 % 4 to 12",
        "capitals: 100 %",
        "capitals: 99 %",
    ):
        assert words in " ".join(text.split())
    assert "…" not in text


@pytest.mark.parametrize("width", [40, 45, 50])
def test_help_is_as_narrow_as_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    app = application("Says what it is for, in more words than a narrow terminal has room for.")

    @app.command()
    def one(where: str = "here", when: str = "after a time that is told at some length") -> None:
        """Do a thing whose name is longer than a narrow terminal."""

    text = CliRunner().invoke(app, ["--help"]).output
    assert "longer than a narrow terminal" in " ".join(text.split())
    assert width - 12 <= max(map(len, text.splitlines())) <= width
