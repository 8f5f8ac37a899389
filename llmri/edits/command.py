"""`llmri edits`: the command line."""

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from llmri.client import Client
from llmri.edits import control_vector, files
from llmri.edits.errors import EditsError
from llmri.edits.tables import edits_table, journal_table
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.options import Credentials, Tls, TlsCa, TokenError, TokenFile, Where
from llmri_client.reaching import UnreachableError, reach
from llmri_client.tls import CertificateError
from llmri_protocol.addresses import DEFAULT_ADDRESS, UNIX
from llmri_protocol.command_line import Fitting, application, one_sentence
from llmri_protocol.edit_fit import another_model, fits
from llmri_protocol.edit_hooks import as_hooks
from llmri_protocol.edit_sets import EditSet, EditSetError, edit_set
from llmri_protocol.messages import Notice, Welcome
from llmri_protocol.printable import printable
from llmri_protocol.protection import UNCHECKED

MOST_NAMED = 3  # edits that cannot be read, in a sentence

app = application("Keep sets of edits in files, and bring them back.", commands=True)

Source = Annotated[str, typer.Argument(metavar="FILE|HOST:PORT", help="A set's file, or a server.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]
ExportFormat = Literal["gguf", "transformerlens"]
EXPORTS: dict[str, ExportFormat] = {".gguf": "gguf", ".json": "transformerlens"}


@app.command()
def save(
    file: Annotated[Path, typer.Argument(help="File to write, .toml or .json.")],
    address: Where = DEFAULT_ADDRESS,
    *,
    name: Annotated[str, typer.Option(help="Name of the set; by default its own, or the file's.")] = "",
    overwrite: Overwrite = False,
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
) -> None:
    """Write the edits that stand in a server to a file."""
    with _one_sentence():
        with reach(Client, address, "viewer", Credentials.of(token_file, tls, tls_ca)) as client:
            document = _standing(client, name, file.stem)
        files.save(file, document, overwrite=overwrite)
        _say(f"{file}: {_counted(document)}")


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="File to read, .toml or .json.")],
    address: Where = DEFAULT_ADDRESS,
    *,
    add: Annotated[bool, typer.Option("--add", help="Keep the edits that stand beneath these.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Edit protected units too, where allowed.")] = False,
    since_now: Annotated[
        bool, typer.Option("--since-now", help="Edit only positions that are not computed yet.")
    ] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Load a set of another model too.")] = False,
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
) -> None:
    """Let the edits of a file stand in a server, all of them or none."""
    with _one_sentence():
        document = files.read(file)
        with reach(Client, address, "controller", Credentials.of(token_file, tls, tls_ca)) as client:
            card = client.welcome.card
            other = "" if anyway else another_model(document, card)
            if other:
                raise EditsError(f"{file} is of another model: {other}; --anyway loads it if it fits")
            problem = fits(document, card)
            if problem:
                raise EditsError(f"{file} does not fit: {problem}")
            client.intervene(
                document.edits, name=document.name, replace=not add, force=force, since_now=since_now
            )
            for message in client.messages():
                if isinstance(message, Notice) and message.message.startswith(UNCHECKED):
                    _say(message.message)
        _say(f"{address}: {_counted(document)}")


@app.command()
def show(
    source: Source = DEFAULT_ADDRESS,
    *,
    journal: Annotated[bool, typer.Option("--journal", help="Show who changed them, how and when.")] = False,
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
) -> None:
    """Show the edits of a file, or those that stand in a server."""
    with _one_sentence():
        if _is_file(source):
            if journal:
                raise EditsError(f"the journal is the server's; {source} is a file")
            _show(files.read(Path(source)))
            return
        with reach(Client, source, "viewer", Credentials.of(token_file, tls, tls_ca)) as client:
            if journal:
                Console().print(Fitting(journal_table(client.journal())))
                return
            welcome = client.welcome
        _show(_readable(welcome))
        if welcome.unread:
            _say(_unread(welcome))
        if welcome.stale_cache:
            _say("Keys and values of earlier tokens come from older edits; re-prefill cures it.")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="File to write, .gguf or .json.")],
    source: Source = DEFAULT_ADDRESS,
    *,
    format: Annotated[  # noqa: A002 - the option's name
        ExportFormat | None, typer.Option(help="By default what the file's name says.")
    ] = None,
    overwrite: Overwrite = False,
    token_file: TokenFile = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
) -> None:
    """Write edits for other programs: a control vector of llama.cpp, or hooks by TransformerLens's names."""
    with _one_sentence():
        wanted = format or EXPORTS.get(file.suffix)
        if wanted is None:
            raise EditsError(f"{file} names no format; expected .gguf, .json, or --format")
        if _is_file(source):
            document = files.read(Path(source))
        else:
            with reach(Client, source, "viewer", Credentials.of(token_file, tls, tls_ca)) as client:
                document = _standing(client, "", file.stem)
        if wanted == "gguf":
            files.put(file, lambda place: control_vector.write(place, document), overwrite=overwrite)
        else:
            text = json.dumps(as_hooks(document), indent=1)
            files.put(file, lambda place: files.write(place, text), overwrite=overwrite)
        _say(f"{file}: {_counted(document)}")


def _standing(client: Client, name: str = "", otherwise: str = "") -> EditSet:
    """Return the edits that stand, under this name, their own, or another where they have none.

    Raises:
        EditsError: Some cannot be read; a set without them would be another set.
    """
    if client.welcome.unread:
        raise EditsError(_unread(client.welcome))
    return _readable(client.welcome, name, otherwise)


def _unread(welcome: Welcome) -> str:
    named = ", ".join(welcome.unread[:MOST_NAMED])
    more = f" and {len(welcome.unread) - MOST_NAMED} more" if len(welcome.unread) > MOST_NAMED else ""
    return f"edits stand that this version cannot read ({named}{more}); update llmri to match the server"


def _readable(welcome: Welcome, name: str = "", otherwise: str = "") -> EditSet:
    called = name or welcome.edit_set or otherwise
    return edit_set(welcome.edits, welcome.card, name=called, made=datetime.now(UTC).date())


def _is_file(source: str) -> bool:
    if source.startswith(UNIX):
        return False
    return Path(source).suffix in files.FORMATS or Path(source).is_file()


def _show(document: EditSet) -> None:
    model = document.model
    _say(f"{_counted(document)}, {model.name} ({model.family}, {model.layers} layers), {document.made}")
    if document.edits:
        Console().print(Fitting(edits_table(document.edits)))


def _counted(document: EditSet) -> str:
    count = len(document.edits)
    return f"{document.name or 'unnamed'}, {count} edit{'' if count == 1 else 's'}"


def _say(sentence: str) -> None:
    typer.echo(printable(sentence))


def _one_sentence() -> AbstractContextManager[None]:
    """End the program with a sentence for what a user can mend, and silently on Ctrl-C."""
    return one_sentence(
        "llmri edits",
        *(EditsError, EditSetError, UnreachableError, TokenError, CertificateError, ConnectionEndedError),
        worded={
            RefusedError: lambda error: f"the server refused: {error}",
            TimeoutError: lambda _: "the server did not answer in time",
        },
    )
