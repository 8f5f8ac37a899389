"""`llmri edits`: the command line."""

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from llmri.client import Client
from llmri.edits import control_vector, files
from llmri.edits.errors import EditsError
from llmri.edits.options import ExportFormat, ExportOptions, LoadOptions, SaveOptions, ShowOptions
from llmri.edits.tables import edits_table, journal_table
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.options import TokenError
from llmri_client.reaching import UnreachableError, reach
from llmri_client.tls import CertificateError
from llmri_protocol.addresses import UNIX
from llmri_protocol.command_line import Fitting, application, from_options, one_sentence
from llmri_protocol.edit_fit import another_model, fits
from llmri_protocol.edit_hooks import as_hooks
from llmri_protocol.edit_sets import EditSet, EditSetError, edit_set
from llmri_protocol.messages import Notice, Welcome
from llmri_protocol.printable import printable
from llmri_protocol.protection import UNCHECKED

MOST_NAMED = 3  # edits that cannot be read, in a sentence

app = application("Keep sets of edits in files, and bring them back.", commands=True)

EXPORTS: dict[str, ExportFormat] = {".gguf": "gguf", ".json": "transformerlens"}


@app.command()
@from_options
def save(options: SaveOptions) -> None:
    """Write the edits that stand in a server to a file."""
    with _one_sentence():
        with reach(Client, options.address, "viewer", options.access.read()) as client:
            document = _standing(client, options.name, options.file.stem)
        files.save(options.file, document, overwrite=options.overwrite)
        _say(f"{options.file}: {_counted(document)}")


@app.command()
@from_options
def load(options: LoadOptions) -> None:
    """Let the edits of a file stand in a server, all of them or none."""
    with _one_sentence():
        document = files.read(options.file)
        with reach(Client, options.address, "controller", options.access.read()) as client:
            card = client.welcome.card
            other = "" if options.anyway else another_model(document, card)
            if other:
                raise EditsError(f"{options.file} is of another model: {other}; --anyway loads it if it fits")
            problem = fits(document, card)
            if problem:
                raise EditsError(f"{options.file} does not fit: {problem}")
            client.intervene(
                document.edits,
                name=document.name,
                replace=not options.add,
                force=options.force,
                since_now=options.since_now,
            )
            for message in client.messages():
                if isinstance(message, Notice) and message.message.startswith(UNCHECKED):
                    _say(message.message)
        _say(f"{options.address}: {_counted(document)}")


@app.command()
@from_options
def show(options: ShowOptions) -> None:
    """Show the edits of a file, or those that stand in a server."""
    with _one_sentence():
        if _is_file(options.source):
            if options.journal:
                raise EditsError(f"the journal is the server's; {options.source} is a file")
            _show(files.read(Path(options.source)))
            return
        with reach(Client, options.source, "viewer", options.access.read()) as client:
            if options.journal:
                Console().print(Fitting(journal_table(client.journal())))
                return
            welcome = client.welcome
        _show(_readable(welcome))
        if welcome.unread:
            _say(_unread(welcome))
        if welcome.stale_cache:
            _say("Keys and values of earlier tokens come from older edits; re-prefill cures it.")


@app.command()
@from_options
def export(options: ExportOptions) -> None:
    """Write edits for other programs: a control vector of llama.cpp, or hooks by TransformerLens's names."""
    with _one_sentence():
        wanted = options.format or EXPORTS.get(options.file.suffix)
        if wanted is None:
            raise EditsError(f"{options.file} names no format; expected .gguf, .json, or --format")
        if _is_file(options.source):
            document = files.read(Path(options.source))
        else:
            with reach(Client, options.source, "viewer", options.access.read()) as client:
                document = _standing(client, "", options.file.stem)
        if wanted == "gguf":
            files.put(
                options.file, lambda place: control_vector.write(place, document), overwrite=options.overwrite
            )
        else:
            text = json.dumps(as_hooks(document), indent=1)
            files.put(options.file, lambda place: files.write(place, text), overwrite=options.overwrite)
        _say(f"{options.file}: {_counted(document)}")


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
