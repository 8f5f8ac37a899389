"""The options of `llmri capture`, and what they ask for."""

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from llmri.capture.asking import DEFAULT
from llmri.capture.errors import CaptureError
from llmri.capture.families import default_prompts, profile_of
from llmri.capture.plain_llama import Opening
from llmri.capture.trials import Speaking
from llmri.cluster.prompts import read


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """All that the command line of `llmri capture` says."""

    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A GGUF file, or `pocket` (bundled).")
    ] = None
    prompt: Annotated[
        list[str] | None, typer.Option(help=f"Say this; may be given again; `{DEFAULT}` says ours.")
    ] = None
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Say the prompts of this file, one a line.")
    ] = None
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default named after the model and the time.")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False
    family: Annotated[
        str | None, typer.Option(help="Profile, by default guessed from the file; `?` lists them.")
    ] = None
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 64
    temperature: Annotated[float, typer.Option(min=0, help="0 always takes the likeliest token.")] = 0.0
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same replies.")] = 0
    plain: Annotated[
        bool, typer.Option("--plain", help="Continue the prompt as it is, without the chat template.")
    ] = False
    no_statistics: Annotated[
        bool, typer.Option("--no-statistics", help="Count tensors, and read no values: nearly full speed.")
    ] = False
    context: Annotated[int, typer.Option(min=0, help="Longest conversation in tokens; 0 is the file's.")] = 0
    threads: Annotated[
        int, typer.Option(min=0, help="Of the processor; 0 takes all, or one for a small model.")
    ] = 0
    gpu_layers: Annotated[int, typer.Option(min=-1, help="Layers on the GPU; -1 are all.")] = 0
    show_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the file, and do nothing else.")
    ] = False

    @property
    def opening(self) -> Opening:
        """How llama.cpp shall run the file."""
        return Opening(self.context, self.threads, self.gpu_layers, self.seed)

    @property
    def speaking(self) -> Speaking:
        """How the model shall answer."""
        return Speaking(self.max_tokens, self.temperature, self.plain)

    def check(self) -> None:
        """Find what is wrong before a model is loaded.

        Raises:
            CaptureError: Something is missing that nobody can be asked for, or the family is unknown.
        """
        terminal = sys.stdin.isatty()
        if self.model is None and not terminal:
            raise CaptureError("a model is missing: give MODEL, or run it on a terminal, where it asks")
        if not self.prompt and not self.prompts and not terminal:
            raise CaptureError("there is nothing to say: give --prompt or --prompts, or run it on a terminal")
        if self.family is not None:
            profile_of(self.family)

    def said(self) -> tuple[str, ...]:
        """Return what shall be said, as far as it was told.

        Raises:
            CaptureError: It is nothing that can be continued.
            ClusterError: The file of prompts cannot be used.
        """
        said: list[str] = []
        for text in self.prompt or []:
            said.extend(default_prompts() if text == DEFAULT else [text])
        if self.prompts is not None:
            said.extend(one.text for one in read(self.prompts))
        if self.plain and "" in said:
            raise CaptureError("an empty prompt cannot be continued; say something, or leave --plain out")
        return tuple(said)

    def destination(self, model: Path) -> Path:
        """Return the file to write, for a model's path.

        Raises:
            CaptureError: It cannot be written there.
        """
        now = datetime.now(UTC).astimezone()
        out = self.out or Path(f"capture-{model.stem}-{now:%Y%m%d-%H%M%S}.json")
        if out.is_dir():
            raise CaptureError(f"{out} is a folder; --out needs the name of a file")
        if not out.parent.is_dir():
            raise CaptureError(f"there is no folder {out.parent} for {out.name}")
        if not os.access(out.parent, os.W_OK):
            raise CaptureError(f"nothing can be written into the folder {out.parent}")
        if out.is_file() and not self.overwrite:
            raise CaptureError(f"{out} is there already; --overwrite replaces it")
        return out
