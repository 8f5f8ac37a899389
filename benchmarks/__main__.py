"""`python -m benchmarks [capture] [wire] [fanout] ...`: measure, print, and judge."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.document import page
from benchmarks.report import Part, to_terminal
from benchmarks.runs import Advance
from llmri_server import LoadError

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


class Benchmark(StrEnum):
    """What can be measured."""

    CAPTURE = "capture"
    WIRE = "wire"
    FANOUT = "fanout"
    CORRELATION = "correlation"
    LINKAGE = "linkage"
    PACKING = "packing"
    LAYOUT = "layout"
    SIZES = "sizes"
    SKILLS = "skills"
    EDITS = "edits"
    INFLUENCE = "influence"
    EXPERIMENT = "experiment"
    VIEWER = "viewer"
    GGUF = "gguf"
    SESSIONS = "sessions"


class Status(IntEnum):
    """How the program ends."""

    MET = 0
    MISSED = 1  # a valid run misses a gate
    NO_MODEL = 2
    VOID = 3  # nothing was missed, but a run could not be judged


def main(
    chosen: Annotated[
        list[Benchmark] | None, typer.Argument(help="What to measure; by default everything.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of each run, to try things out.")] = None,
) -> None:
    """Measure what LLMRI costs, as ratios. Measuring everything writes docs/benchmarks.md."""
    console = Console(highlight=False)
    try:
        sections = measure(chosen or list(Benchmark), rounds, console)
    except LoadError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(Status.NO_MODEL) from None
    status = status_of(sections)
    if set(chosen or Benchmark) == set(Benchmark) and rounds is None:
        keep(sections, status, console)
    raise typer.Exit(status)


def measure(chosen: Sequence[Benchmark], rounds: int | None, console: Console) -> list[Part]:
    """Measure, and print each section as soon as it is known."""
    sections: list[Part] = []
    with Progress(console=console, transient=True) as progress:

        def track(title: str, steps: int) -> Advance:
            for earlier in progress.task_ids:
                progress.remove_task(earlier)
            task = progress.add_task(title, total=steps)
            return lambda: progress.advance(task)

        for benchmark in chosen:
            for section in import_module(f"benchmarks.{benchmark}").sections(track, rounds):
                sections.append(section)
                progress.console.print(to_terminal(section))
    return sections


def keep(sections: Sequence[Part], status: Status, console: Console) -> None:
    """Write the page, unless a run was void."""
    if any(section.void for section in sections):
        console.print(f"A run was void: docs/{PAGE.name} stays as it was.", style="yellow")
        return
    PAGE.write_text(page(sections), encoding="utf-8")
    console.print(f"Wrote docs/{PAGE.name}, status {status.name.lower()}.")


def status_of(sections: Sequence[Part]) -> Status:
    """Judge the whole."""
    if any(section.missed for section in sections):
        return Status.MISSED
    return Status.VOID if any(section.void for section in sections) else Status.MET


if __name__ == "__main__":
    typer.run(main)
