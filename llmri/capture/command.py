"""`llmri capture`: the command line."""

import json
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from llmri.capture.asking import DEFAULT, ask_family, ask_path, ask_prompts
from llmri.capture.collector import TensorCollector
from llmri.capture.document import Trial, schema
from llmri.capture.errors import CaptureError
from llmri.capture.opening import Opening, dropped_path, open_model
from llmri.capture.profiles import default_prompts, families, guess_family, profile_of
from llmri.capture.trials import Speaking, run_trial
from llmri.cluster.errors import ClusterError
from llmri.cluster.prompts import read
from llmri_protocol.command_line import FAILED, INTERRUPTED, application, one_sentence
from llmri_server.cli.interrupts import Interrupts, noted

app = application()

OK = 0


@app.command()
def capture(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A GGUF file, or `pocket` (bundled).")
    ] = None,
    *,
    prompt: Annotated[
        list[str] | None, typer.Option(help=f"Say this; may be given again; `{DEFAULT}` says ours.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Say the prompts of this file, one a line.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default named after the model and the time.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    family: Annotated[
        str | None, typer.Option(help="Profile, by default guessed from the file; `?` lists them.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest reply, in tokens.")] = 64,
    temperature: Annotated[float, typer.Option(min=0, help="0 always takes the likeliest token.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same replies.")] = 0,
    plain: Annotated[
        bool, typer.Option("--plain", help="Continue the prompt as it is, without the chat template.")
    ] = False,
    no_statistics: Annotated[
        bool, typer.Option("--no-statistics", help="Count tensors, and read no values: nearly full speed.")
    ] = False,
    context: Annotated[int, typer.Option(min=0, help="Longest conversation in tokens; 0 is the file's.")] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Of the processor; 0 takes all, or one for a small model.")
    ] = 0,
    gpu_layers: Annotated[int, typer.Option(min=-1, help="Layers on the GPU; -1 are all.")] = 0,
    show_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the file, and do nothing else.")
    ] = False,
) -> None:
    """Record every tensor that llama.cpp computes while a GGUF model answers, without a viewer.

    Without MODEL it asks for what it needs, on a terminal.
    """
    console = Console(stderr=True)
    with one_sentence("llmri capture", CaptureError, ClusterError, worded={OSError: _unusable}):
        if show_schema:
            sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
            return
        if family == "?":
            for name, title in families().items():
                console.print(f"{name}: {title}")
            return
        _check(model=model, prompt=prompt, prompts=prompts, family=family)
        said = _prompts(prompt, prompts)
        if plain and "" in said:
            raise CaptureError("an empty prompt cannot be continued; say something, or leave --plain out")
        path = dropped_path(model) if model else ask_path(console, _typed)
        destination = out or _named(path)
        _check_destination(destination, overwrite=overwrite)
        llama = _open(console, path, Opening(context, threads, gpu_layers, seed))
        if family is None:
            guessed = guess_family(llama.metadata)
            family = guessed if model else ask_family(console, guessed, _typed)
        said = said or ask_prompts(console, _typed)
        console.print(_described(llama, path, family), markup=False)
        speaking = Speaking(max_tokens, temperature, plain)
        with TensorCollector(llama, family=family, statistics=not no_statistics) as collector:
            status = _run_all(console, llama, collector, said, speaking, destination=destination)
            if collector.trials:
                sys.stdout.write(f"{destination}\n")
        if status:
            raise typer.Exit(status)


def _typed() -> str:
    """Return what is typed; the end of input (Ctrl-D) counts as Ctrl-C."""
    try:
        return input()
    except EOFError:
        raise KeyboardInterrupt from None


def _check(
    *,
    model: str | None,
    prompt: list[str] | None,
    prompts: Path | None,
    family: str | None,
) -> None:
    """Find what is wrong before a model is loaded."""
    terminal = sys.stdin.isatty()
    if model is None and not terminal:
        raise CaptureError("a model is missing: give MODEL, or run it on a terminal, where it asks")
    if not prompt and not prompts and not terminal:
        raise CaptureError("there is nothing to say: give --prompt or --prompts, or run it on a terminal")
    if family is not None:
        profile_of(family)


def _check_destination(out: Path, *, overwrite: bool) -> None:
    if out.is_dir():
        raise CaptureError(f"{out} is a folder; --out needs the name of a file")
    if not out.parent.is_dir():
        raise CaptureError(f"there is no folder {out.parent} for {out.name}")
    if not os.access(out.parent, os.W_OK):
        raise CaptureError(f"nothing can be written into the folder {out.parent}")
    if out.is_file() and not overwrite:
        raise CaptureError(f"{out} is there already; --overwrite replaces it")


def _prompts(prompt: list[str] | None, file: Path | None) -> tuple[str, ...]:
    said: list[str] = []
    for text in prompt or []:
        said.extend(default_prompts() if text == DEFAULT else [text])
    if file is not None:
        said.extend(one.text for one in read(file))
    return tuple(said)


def _open(console: Console, path: Path, opening: Opening) -> Any:  # noqa: ANN401  an extra's type
    with console.status(f"Loading {path.name}"):
        return open_model(path, opening)


def _run_all(
    console: Console,
    llama: Any,  # noqa: ANN401  an extra's type
    collector: TensorCollector,
    prompts: tuple[str, ...],
    speaking: Speaking,
    *,
    destination: Path,
) -> int:
    """Run the trials, and give the exit status; each is written when it is finished, and one may fail."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    status = OK
    # Python's own Ctrl-C would be lost inside llama.cpp's callback, so it is noted.
    with noted() as interrupts, Progress(*columns, console=console, transient=True) as progress:
        for number, prompt in enumerate(prompts, start=1):
            label = f"Trial {number}/{len(prompts)}"
            task = progress.add_task(label, total=speaking.max_tokens)
            try:
                trial = run_trial(
                    llama, collector, prompt, speaking, on_token=partial(_advance, progress, task, interrupts)
                )
            except KeyboardInterrupt:
                _say(progress.console, f"Interrupted. {label} is not kept.")
                return INTERRUPTED
            except CaptureError as error:
                _say(progress.console, f"[{label}] Failed: {error}")
                progress.remove_task(task)
                status = FAILED
                continue
            collector.save_to_json(destination)
            progress.remove_task(task)
            full = " | the context is full" if trial.positions + 1 >= llama._n_ctx else ""
            _say(progress.console, f"[{label}] {_summary(trial)}{full}")
    return status


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _advance(progress: Progress, task: TaskID, interrupts: Interrupts) -> None:
    if interrupts.ended:
        raise KeyboardInterrupt
    progress.advance(task)


def _summary(trial: Trial) -> str:
    return (
        f"Tensors: {len(trial.tensors)} | Passes: {trial.passes} | "
        f"Time: {trial.timings.total:.0f} ms | {' '.join(trial.reply.split())[:60]}"
    )


def _described(llama: Any, path: Path, family: str) -> str:  # noqa: ANN401
    name = llama.metadata.get("general.name") or path.stem
    architecture = llama.metadata.get("general.architecture", "an unknown architecture")
    return f"{name} ({architecture}), family {families()[family]}"


def _named(path: Path) -> Path:
    return Path(f"capture-{path.stem}-{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}.json")


def _unusable(error: OSError) -> str:
    return f"{error.filename or 'a file'} cannot be used: {error.strerror}"  # such as a name that is too long
