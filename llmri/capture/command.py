"""`llmri capture`: the command line."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from llmri.capture.asking import ask_family, ask_path, ask_prompts
from llmri.capture.document import Trial, schema
from llmri.capture.errors import CaptureError
from llmri.capture.families import families, guess_family
from llmri.capture.options import CaptureOptions
from llmri.capture.plain_llama import Opening, dropped_path, open_model
from llmri.capture.tensor_collector import TensorCollector
from llmri.capture.trials import Speaking, run_trial
from llmri.cluster.errors import ClusterError
from llmri_protocol.command_line import FAILED, INTERRUPTED, application, from_options, one_sentence
from llmri_server.cli.interrupts import Interrupts, noted

app = application()

OK = 0


@app.command()
@from_options
def capture(options: CaptureOptions) -> None:
    """Record every tensor that llama.cpp computes while a GGUF model answers, without a viewer.

    Without MODEL it asks for what it needs, on a terminal.
    """
    console = Console(stderr=True)
    with one_sentence("llmri capture", CaptureError, ClusterError, worded={OSError: _unusable}):
        if options.show_schema:
            sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
        elif options.family == "?":
            for name, title in families().items():
                console.print(f"{name}: {title}")
        else:
            status = _capture(options, console)
            if status:
                raise typer.Exit(status)


def _capture(options: CaptureOptions, console: Console) -> int:
    """Ask for what was not told, open the model, run the trials, and give the exit status."""
    options.check()
    said = options.said()
    path = dropped_path(options.model) if options.model else ask_path(console, _typed)
    destination = options.destination(path)
    llama = _open(console, path, options.opening)
    family = options.family
    if family is None:
        guessed = guess_family(llama.metadata)
        family = guessed if options.model else ask_family(console, guessed, _typed)
    said = said or ask_prompts(console, _typed)
    console.print(_described(llama, path, family), markup=False)
    with TensorCollector(llama, family=family, statistics=not options.no_statistics) as collector:
        status = _run_all(console, llama, collector, said, options.speaking, destination=destination)
        if collector.trials:
            sys.stdout.write(f"{destination}\n")
    return status


def _typed() -> str:
    """Return what is typed; the end of input (Ctrl-D) counts as Ctrl-C."""
    try:
        return input()
    except EOFError:
        raise KeyboardInterrupt from None


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


def _unusable(error: OSError) -> str:
    return f"{error.filename or 'a file'} cannot be used: {error.strerror}"  # such as a name that is too long
