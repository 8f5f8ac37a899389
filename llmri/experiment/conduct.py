"""Running an experiment before a person's eyes, and leaving what it found in a folder."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from llmri.experiment.plots.choice import draw
from llmri.experiment.table import CAPTION, tables, write_csv
from llmri_protocol.command_line import Fitting
from llmri_protocol.messages import ProtectedUnit
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Plan
from llmri_server.experiments.results import (
    Observation,
    Results,
    differences,
    installed_versions,
    load,
    save,
)
from llmri_server.experiments.running import make_ready, observe
from llmri_server.experiments.summary import summarised
from llmri_server.protection.starting import begin, finish
from llmri_server.runtime import NonFiniteError, PromptError, Runtime
from llmri_server.runtimes.common.loading import told
from llmri_server.runtimes.registry import load_runtime, model_files
from llmri_server.settings import Settings

BY_CTRL_C = "ended by Ctrl-C"


def run(
    plan: Plan,
    console: Console,
    runtime: Runtime | None = None,
    protected: tuple[ProtectedUnit, ...] | None = None,
    threads: int = 0,
) -> Results:
    """Carry a plan out, with a progress bar; first of all, protected units are looked for.

    Args:
        plan: It.
        console: Shows how far it is.
        runtime: The model, where it is loaded already.
        protected: The protected units, where they are known already.
        threads: Of the processor, where the model is loaded here; 0 takes the engine's own number.

    Ctrl-C ends it early, and so does an edit that makes the model's output infinite: then the results say so,
    and hold what was found until then.

    Raises:
        ExperimentError: It does not fit the model.
        EditError: An edit does not fit the model.
        LoadError: The model cannot be loaded.
    """
    begun = time.monotonic()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    runtime = runtime or _loaded(plan, threads)
    with _progress(console) as bar:
        task = bar.add_task("choosing units", total=None)
        if protected is None:
            protected = _protected(runtime, plan, console, partial(bar.update, task))
        runtime.card = msgspec.structs.replace(runtime.card, protected=protected)
        experiment = make_ready(runtime, plan, lambda what: bar.update(task, description=what))
        bar.update(task, total=experiment.steps + 1)
        found, ended = _gathered(
            observe(runtime, experiment, lambda what: bar.update(task, description=what, advance=1))
        )
    return Results(
        plan=plan,
        finished=not ended,
        ended=ended,
        created=created,
        seconds=round(time.monotonic() - begun, 1),
        versions=installed_versions(),
        threads=runtime.threads,
        device=runtime.card.device,
        tasks=experiment.records,
        sets=experiment.set_records,
        protected=protected,
        observations=tuple(found),
    )


def report(results: Results, out: Path, console: Console) -> None:
    """Leave results, table and pictures in a folder, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    save(results, out / "results.json")
    rows = summarised(results)
    write_csv(results, rows, out / "table.csv")
    pictures = draw(results, rows, out)
    for table in tables(results, rows, console.width):
        console.print(Fitting(table))
        console.print()
    console.print(CAPTION, style="dim", highlight=False)
    if not results.finished:
        console.print(f"[yellow]Unfinished[/yellow]: {results.ended}.", highlight=False)
    names = ", ".join(path.name for path in (out / "results.json", out / "table.csv", *pictures))
    console.print(f"In {out}/: {names}.", highlight=False)


def again(path: Path, console: Console) -> bool:
    """Carry a plan out again from its results; say whether every figure is equal."""
    before = load(path)
    after = run(before.plan, console, None, before.protected, before.threads)
    if not after.finished:
        console.print(f"[yellow]Unfinished[/yellow]: {after.ended}.", highlight=False)
    figures, different, greatest = differences(before, after)
    if before.sets != after.sets:
        console.print("Other units were chosen or drawn than before.")
    if different:
        console.print(
            f"{different} of {figures} figures differ, by at most {greatest:.3g}. "
            f"{_surroundings(before, after)}"
        )
    else:
        console.print(f"All {figures} figures are equal.", highlight=False)
    return not different and before.sets == after.sets


def _gathered(observations: Iterator[Observation]) -> tuple[Sequence[Observation], str]:
    """Take observations until there are no more; say what ended them before that."""
    found: list[Observation] = []
    try:
        found.extend(observations)
    except KeyboardInterrupt:
        return found, BY_CTRL_C
    except (ExperimentError, NonFiniteError, PromptError) as error:
        return found, str(error)
    return found, ""


def _surroundings(before: Results, after: Results) -> str:
    """Say what else is not as it was."""
    changed = [
        f"{name} {old} then, {after.versions.get(name)} now"
        for name, old in before.versions.items()
        if after.versions.get(name) != old
    ]
    if before.device != after.device:
        changed.append(f"{before.device} then, {after.device} now")
    return f"Changed since: {'; '.join(changed)}." if changed else "Versions and device are the same."


def _protected(
    runtime: Runtime, plan: Plan, console: Console, show: Callable[..., None]
) -> tuple[ProtectedUnit, ...]:
    """Look for the units whose ablation breaks the model, unless that was done before."""
    search = begin(runtime, Settings(), model_files(plan.model))
    problem = finish(
        runtime,
        search,
        lambda done, total: show(description="looking for protected units", completed=done, total=total),
    )
    if problem:
        console.print(f"[yellow]Note[/yellow]: {problem}.", highlight=False)
    show(description="choosing units", completed=0, total=None)
    return runtime.card.protected


def _loaded(plan: Plan, threads: int) -> Runtime:
    with told(plan.model):
        return load_runtime(Settings(model=plan.model, device=plan.device, dtype=plan.dtype, threads=threads))


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress
