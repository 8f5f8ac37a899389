"""How commands end, and tables and help that a terminal of 40 columns can show whole."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from llmri_protocol.command_line import Fitting, application, from_options, one_sentence


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


def ended(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit status and what was said on standard error where a command raises this."""
    with (
        pytest.raises(typer.Exit) as told,
        one_sentence(
            "llmri test",
            ValueError,
            worded={OSError: lambda fault: f"a file: {fault.strerror}", TimeoutError: lambda _: "too slow"},
        ),
    ):
        raise error
    return told.value.exit_code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ValueError("three is no even number"), 1, "llmri test: three is no even number\n"),
        (UnicodeError("a kind of ValueError"), 1, "llmri test: a kind of ValueError\n"),
        (OSError(2, "not there"), 1, "llmri test: a file: not there\n"),
        (TimeoutError("the nearest kind counts"), 1, "llmri test: too slow\n"),
        (ValueError("two\nlines, and \x1b[31mred"), 1, "llmri test: two lines, and \\x1b[31mred\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_mistake_is_one_line_and_an_interrupt_none(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error, capsys) == (status, said)


def test_our_own_errors_are_not_hidden() -> None:
    with pytest.raises(KeyError), one_sentence("llmri test", ValueError):
        raise KeyError("a bug")


def modules() -> list[Path]:
    """Return the product's modules but those that say these things once."""
    root = Path(__file__).parents[2]
    once = {"command_line.py", "addresses.py"}
    folders = ("llmri", "protocol", "server", "viewer", "clustering")
    return [path for folder in folders for path in (root / folder).rglob("*.py") if path.name not in once]


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (r"\bsys\.exit\(", "one_sentence or refuse of llmri_protocol.command_line"),
        (r"\bExit\([1-9]", "FAILED or INTERRUPTED of llmri_protocol.command_line"),
        (r"INTERRUPTED = \d", "INTERRUPTED of llmri_protocol.command_line"),
        (r"127\.0\.0\.1|\b9999\b", "the defaults of llmri_protocol.addresses"),
        (r"[\"']LLMRI_TOKEN", "TOKEN_VARIABLE of llmri_protocol.addresses"),
    ],
)
def test_exit_statuses_and_defaults_stand_once(said: str, instead: str) -> None:
    found = [path for path in modules() if re.search(said, path.read_text(encoding="utf-8"))]
    assert found == [], f"take {instead}"


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


@dataclass(frozen=True, kw_only=True)
class Door:
    key: Annotated[Path | None, typer.Option(help="Opens it.")] = None
    locked: Annotated[bool, typer.Option("--locked", help="Lock it.")] = False


@dataclass(frozen=True, kw_only=True)
class House:
    name: Annotated[str, typer.Argument(help="Whose.")]
    floors: Annotated[int, typer.Option(min=1, help="One above the other.")] = 2
    door: Door = field(default_factory=Door)
    colours: Annotated[list[str] | None, typer.Option("--colour", help="May be given again.")] = None

    def __post_init__(self) -> None:
        if self.door.locked and self.door.key is None:
            raise typer.BadParameter("--locked needs a --key")


def built(*arguments: str) -> tuple[list[House], str, int]:
    """Return what a command was called with, what was said, and its exit status."""
    houses: list[House] = []
    app = application()

    @app.command()
    @from_options
    def build(house: House) -> None:
        """Build a house."""
        houses.append(house)

    done = CliRunner().invoke(app, arguments)
    return houses, " ".join(done.output.split()), done.exit_code


def by_hand(*arguments: str) -> str:
    """Return what a command with the same options says, each an argument of its function."""
    app = application()

    @app.command()
    def build(
        *,
        name: Annotated[str, typer.Argument(help="Whose.")],
        floors: Annotated[int, typer.Option(min=1, help="One above the other.")] = 2,
        key: Annotated[Path | None, typer.Option(help="Opens it.")] = None,
        locked: Annotated[bool, typer.Option("--locked", help="Lock it.")] = False,
        colours: Annotated[list[str] | None, typer.Option("--colour", help="May be given again.")] = None,
    ) -> None:
        """Build a house."""

    return " ".join(CliRunner().invoke(app, arguments).output.split())


def test_options_become_one_value_groups_and_all() -> None:
    given = ("--floors", "3", "ours", "--key", "k", "--locked", "--colour", "red", "--colour", "blue")
    expected = House(name="ours", floors=3, door=Door(key=Path("k"), locked=True), colours=["red", "blue"])
    assert built(*given) == ([expected], "", 0)
    assert built("ours")[0] == [House(name="ours")]


@pytest.mark.parametrize("arguments", [["--help"], [], ["ours", "--floors", "0"], ["ours", "--roof"]])
def test_help_and_refusals_are_those_of_a_function_of_its_options(arguments: list[str]) -> None:
    assert built(*arguments)[1] == by_hand(*arguments)


def test_what_is_wrong_with_options_together_is_wrong_usage() -> None:
    houses, said, status = built("ours", "--locked")
    assert (houses, status) == ([], 2)
    assert "--locked needs a --key" in said


def test_a_command_of_anything_but_one_dataclass_is_refused_where_it_is_made() -> None:
    @dataclass(frozen=True)
    class Both:
        one: Door
        other: Door

    def no_options(number: int) -> None: ...
    def twice(both: Both) -> None: ...

    twice.__annotations__["both"] = Both
    with pytest.raises(TypeError, match=r"no_options takes .*expected one dataclass"):
        from_options(no_options)
    with pytest.raises(TypeError, match="Both has an option twice: key, locked"):
        from_options(twice)
