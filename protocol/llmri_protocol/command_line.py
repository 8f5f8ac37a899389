"""What every command line of LLMRI has in common: how it is made, how it ends where something is in its way,
how it takes its options as one value, and tables that fit narrow terminals.
"""

import inspect
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar, get_type_hints

import typer
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmri_protocol.printable import printable

NARROW = 70  # columns; below it boxes cut options and words off
OPTION_COLUMNS = 12  # beside which help still stands in a narrow terminal
ROOMY = 10_000  # columns: as many as any table wants
FAILED = 1  # the exit status of what a sentence on standard error explains
INTERRUPTED = 130  # the exit status of what Ctrl-C ended: 128 and the signal's number

Options = TypeVar("Options")
Result = TypeVar("Result")
Wording = Callable[[Any], str]
NO_WORDINGS: Mapping[type[Exception], Wording] = MappingProxyType({})


def application(help_text: str | None = None, *, commands: bool = False) -> typer.Typer:
    """Return an application to put commands into; its help has boxes only where there is room for them.

    Args:
        help_text: What it is for.
        commands: Whether it has several commands, and shows its help where none is named.
    """
    columns = shutil.get_terminal_size().columns
    narrow = columns < NARROW
    if narrow:
        _explain_below_options()
    return typer.Typer(
        help=help_text,
        no_args_is_help=commands,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None if narrow else "rich",
        context_settings={"terminal_width": columns} if narrow else None,  # by itself it takes 50 at least
    )


@cache
def _explain_below_options() -> None:
    """Let help stand under an option where it is longer than a few letters, for this whole program.

    The library puts it beside options of up to 30 columns, which leaves too little of a narrow terminal.
    """
    context: Any = typer.Context.__mro__[1]  # of the library below typer, which typer does not hand on
    formatter: Any = context.formatter_class

    class Narrow(formatter):  # type: ignore[misc]  # its base is found at run time
        def write_dl(self, rows: Sequence[tuple[str, str]], *_given: int, **_named: int) -> None:
            super().write_dl(rows, col_max=OPTION_COLUMNS)

    context.formatter_class = Narrow


def from_options(command: Callable[[Options], Result]) -> Callable[..., Result]:
    """Return a command for an application, whose options become the one value that `command` takes.

    The value's class is a frozen dataclass. Each field is an option, annotated as typer wants it, with its
    default; or such a class again, whose options stand in its place. What is wrong with several options
    together its `__post_init__` says, by `typer.BadParameter`.

    Args:
        command: Has one argument, annotated with the class.

    Raises:
        TypeError: It has not, or an option stands twice.
    """
    kinds = [hint for name, hint in get_type_hints(command).items() if name != "return"]
    if len(kinds) != 1 or not is_dataclass(kinds[0]):
        raise TypeError(f"{command.__name__} takes {kinds}, expected one dataclass of options")
    kind: Any = kinds[0]
    parameters = list(_parameters(kind))
    names = [parameter.name for parameter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TypeError(f"{kind.__name__} has an option twice: {', '.join(twice)}")

    def gathered(**given: object) -> Result:
        return command(_value(kind, given))

    gathered.__name__, gathered.__doc__ = command.__name__, command.__doc__
    gathered.__module__ = command.__module__
    gathered.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(gathered)["__signature__"] = inspect.Signature(parameters)
    return gathered


def _parameters(kind: Any) -> Iterator[inspect.Parameter]:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from _parameters(hint)
            continue
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _value(kind: Any, given: Mapping[str, object]) -> Any:  # noqa: ANN401 - a dataclass, and one of it
    hints = get_type_hints(kind)
    return kind(
        **{
            field.name: _value(hints[field.name], given)
            if is_dataclass(hints[field.name])
            else given[field.name]
            for field in fields(kind)
        }
    )


def refuse(program: str, sentence: str) -> NoReturn:
    """End a command: say why on standard error, with `FAILED` as exit status.

    Args:
        program: Who speaks, such as `llmri view`.
        sentence: What was wrong, and what to do.
    """
    end_with(f"{program}: {sentence}")


def end_with(line: str) -> NoReturn:
    """End a command with a line on standard error, and `FAILED` as exit status."""
    sys.stderr.write(f"{printable(' '.join(line.splitlines()))}\n")
    raise typer.Exit(FAILED)


@contextmanager
def one_sentence(
    program: str, *mistakes: type[Exception], worded: Mapping[type[Exception], Wording] = NO_WORDINGS
) -> Iterator[None]:
    """End a command with a sentence for what a user can mend, and silently on Ctrl-C.

    Args:
        program: Who speaks, such as `llmri view`.
        mistakes: Exceptions whose message is the sentence.
        worded: Others, and how to make the sentence of one; of several kinds the nearest counts.
    """
    wordings = dict.fromkeys(mistakes, str) | dict(worded)
    try:
        yield
    except tuple(wordings) as error:
        refuse(program, next(wordings[kind] for kind in type(error).__mro__ if kind in wordings)(error))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


class Fitting:
    """A table where there is room for it; else a line a cell, each under its row's first cell.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = Measurement.get(console, options.update(max_width=ROOMY), self._table).minimum
        if needed <= options.max_width:
            yield self._table
        else:
            yield from _stacked(self._table)


def _stacked(table: Table) -> Iterator[RenderableType]:
    if table.title:
        yield table.title
    headings = [_one_line(column.header) for column in table.columns]
    for first, *rest in zip(*(column.cells for column in table.columns), strict=True):
        yield Text.assemble((_one_line(first), "bold"))
        for heading, cell in zip(headings[1:], rest, strict=True):
            yield Padding(Text(f"{heading}: {_one_line(cell)}"), (0, 0, 0, 2))


def _one_line(cell: RenderableType) -> str:
    text = Text.from_markup(cell) if isinstance(cell, str) else cell
    return " ".join((text.plain if isinstance(text, Text) else str(text)).split())
