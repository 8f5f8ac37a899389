"""The options of `llmri edits`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

from llmri_client.options import AccessOptions, Where
from llmri_protocol.addresses import DEFAULT_ADDRESS

Source = Annotated[str, typer.Argument(metavar="FILE|HOST:PORT", help="A set's file, or a server.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]
ExportFormat = Literal["gguf", "transformerlens"]


@dataclass(frozen=True, kw_only=True)
class SaveOptions:
    """All that `llmri edits save` is told."""

    file: Annotated[Path, typer.Argument(help="File to write, .toml or .json.")]
    address: Where = DEFAULT_ADDRESS
    name: Annotated[str, typer.Option(help="Name of the set; by default its own, or the file's.")] = ""
    overwrite: Overwrite = False
    access: AccessOptions = field(default_factory=AccessOptions)


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """All that `llmri edits load` is told."""

    file: Annotated[Path, typer.Argument(help="File to read, .toml or .json.")]
    address: Where = DEFAULT_ADDRESS
    add: Annotated[bool, typer.Option("--add", help="Keep the edits that stand beneath these.")] = False
    force: Annotated[bool, typer.Option("--force", help="Edit protected units too, where allowed.")] = False
    since_now: Annotated[
        bool, typer.Option("--since-now", help="Edit only positions that are not computed yet.")
    ] = False
    anyway: Annotated[bool, typer.Option("--anyway", help="Load a set of another model too.")] = False
    access: AccessOptions = field(default_factory=AccessOptions)


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """All that `llmri edits show` is told."""

    source: Source = DEFAULT_ADDRESS
    journal: Annotated[bool, typer.Option("--journal", help="Show who changed them, how and when.")] = False
    access: AccessOptions = field(default_factory=AccessOptions)


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """All that `llmri edits export` is told."""

    file: Annotated[Path, typer.Argument(help="File to write, .gguf or .json.")]
    source: Source = DEFAULT_ADDRESS
    format: Annotated[ExportFormat | None, typer.Option(help="By default what the file's name says.")] = None
    overwrite: Overwrite = False
    access: AccessOptions = field(default_factory=AccessOptions)
