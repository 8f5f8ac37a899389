"""`llmri session`: the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from llmri.sessions.words import moment, size
from llmri_client.sessions.reader import Session, SessionError, open_session
from llmri_client.sessions.repair import repair as repaired
from llmri_protocol.command_line import FAILED, Fitting, Wording, application, one_sentence
from llmri_protocol.messages import Welcome
from llmri_protocol.printable import printable

app = application("Look into a recorded session, check it, and save what a damaged one holds.", commands=True)
SHOWN_FAULTS = 20

File = Annotated[Path, typer.Argument(help="A file that `llmri record` wrote.")]


@app.command()
def info(file: File) -> None:
    """Say what is in a session."""
    with _opened(file) as session:
        console = Console()
        console.print(Fitting(_summary(session)))
        _tell_faults(session, console)


@app.command()
def check(file: File) -> None:
    """Read all of a session, and name whatever is lost; the exit status is 1 where something is."""
    with _opened(file) as session:
        count = sum(1 for _ in session.bodies())
        console = Console()
        if not session.faults:
            console.print(
                f"{printable(str(file))}: {count:,} messages, all as they were written",
                markup=False,
                soft_wrap=True,
            )
            return
        console.print(f"{printable(str(file))}: {count:,} messages can be read", markup=False, soft_wrap=True)
        _tell_faults(session, console)
    raise typer.Exit(FAILED)


@app.command()
def repair(
    file: File,
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write what a damaged session still holds to a new file, whole and with an index."""
    with _opened(file) as session:
        count = repaired(session, out, force=force)
        console = Console()
        console.print(f"{printable(str(out))}: {count:,} messages", markup=False, soft_wrap=True)
        _tell_faults(session, console)


@contextmanager
def _opened(file: Path) -> Iterator[Session]:
    worded: dict[type[Exception], Wording] = {
        OSError: lambda error: f"cannot use {error.filename or file}: {error.strerror or error}",
        FileExistsError: lambda error: f"{error.filename} is there already; --force replaces it",
    }
    with one_sentence("llmri session", SessionError, worded=worded), open_session(file) as session:
        yield session


def _summary(session: Session) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    welcome = _welcome(session)
    tokens = session.topics.get("/token", 0)
    whole = session.path.stat().st_size
    if welcome is not None:
        card = welcome.card
        table.add_row("model", f"{printable(card.name)}, {card.family}, {card.layers} layers, {card.runtime}")
    table.add_row("recorded", f"{moment(session.about.started)} by {printable(session.about.llmri)}")
    table.add_row("turns", f"{len(session.turns):,}")
    table.add_row("tokens", f"{tokens:,}")
    for topic, count in session.topics.items():
        if topic.startswith("/scan/"):
            table.add_row("scans", f"{count:,} of {printable(topic.removeprefix('/scan/'))}")
    table.add_row("size", size(whole) + (f", {size(whole / tokens)} a token" if tokens else ""))
    table.add_row("index", "its own" if session.indexed else "made by reading all of it: it was not ended")
    return table


def _welcome(session: Session) -> Welcome | None:
    message = next((each.message() for each in session.bodies(0, 4) if each.head.type == "welcome"), None)
    return message if isinstance(message, Welcome) else None


def _tell_faults(session: Session, console: Console) -> None:
    for fault in session.faults[:SHOWN_FAULTS]:
        lost = f"; {fault.lost:,} lost" if fault.lost else ""
        console.print(f"at byte {fault.offset:,}: {fault.kind}{lost}", markup=False, soft_wrap=True)
    more = len(session.faults) - SHOWN_FAULTS
    if more > 0:
        console.print(f"and {more:,} faults more", markup=False, soft_wrap=True)
