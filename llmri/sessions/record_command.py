"""`llmri record`: the command line."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from llmri.sessions.recording import Recorder, RecordingError, Tally, Wanted
from llmri.sessions.words import size
from llmri_client.errors import RefusedError
from llmri_client.options import Credentials, Tls, TlsCa, TokenError, TokenFile
from llmri_client.reaching import UnreachableError, reach
from llmri_client.tls import CertificateError
from llmri_protocol.addresses import DEFAULT_ADDRESS
from llmri_protocol.command_line import application, one_sentence
from llmri_protocol.messages import WishedDtype

NAME = "llmri record"
app = application("Keep what a served model thinks in a file, byte for byte.")


@app.command()
def record(
    places: Annotated[
        list[str],
        typer.Argument(metavar="[HOST:PORT] FILE", help="Where the server listens, and the file to write."),
    ],
    *,
    sites: Annotated[
        list[str] | None, typer.Option("--site", help="A site to keep; may be given again. By default all.")
    ] = None,
    layers: Annotated[
        list[int] | None, typer.Option("--layer", help="A layer to keep; may be given again. By default all.")
    ] = None,
    dtype: Annotated[WishedDtype, typer.Option(help="As what to keep activations.")] = "native",
    every: Annotated[int, typer.Option(min=1, help="Keep the scans of every n-th token only.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
) -> None:
    """Keep what a served model thinks in a file, until Ctrl-C or the server's end.

    The file is in MCAP, an open format for logs; `llmri session info FILE` says what is in it.
    """
    wanted = Wanted(tuple(sites or ()), tuple(sorted(set(layers))) if layers else None, dtype, every)
    with one_sentence(
        NAME,
        RecordingError,
        RefusedError,
        UnreachableError,
        TokenError,
        CertificateError,
        worded={
            OSError: lambda error: error.strerror or str(error),
            FileExistsError: lambda error: f"{error.filename} is there already; --force replaces it",
        },
    ):
        address, file = _places(places)
        with reach(Recorder, address, "viewer", Credentials.of(token_file, tls, tls_ca)) as recorder:
            _record(recorder, file, wanted, force=force)


def _places(given: list[str]) -> tuple[str, Path]:
    """Return the address and the file.

    Raises:
        RecordingError: There are more or fewer.
    """
    match given:
        case [file]:
            return DEFAULT_ADDRESS, Path(file)
        case [address, file]:
            return address, Path(file)
        case _:
            raise RecordingError(f"expected HOST:PORT and a file, not {len(given)} arguments")


def _record(recorder: Recorder, file: Path, wanted: Wanted, *, force: bool) -> None:
    console = Console(stderr=True)
    tally, written = Tally(), 0
    with _ended_by_signals(), Live(console=console, refresh_per_second=4, transient=True) as live:

        def told(now: Tally, size_now: int) -> None:
            nonlocal tally, written
            tally, written = now, size_now
            live.update(Text(f"{file}: {line(tally, written)}"))

        try:
            reason = recorder.record(file, wanted, told, force=force)
        except KeyboardInterrupt:
            reason = "stopped"
    console.print(Text(f"{file}: {line(tally, written)}; {reason}"))


def line(tally: Tally, written: int) -> str:
    """Return what was written, in words."""
    per_token = f", {size(written / tally.tokens)} a token" if tally.tokens else ""
    dropped = f", {tally.dropped:,} scans lost on the way" if tally.dropped else ""
    return (
        f"{tally.turns:,} turns, {tally.tokens:,} tokens, {tally.scans:,} scans, "
        f"{size(written)}{per_token}{dropped}"
    )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM end as Ctrl-C does, with the file's index written."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
