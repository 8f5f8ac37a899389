"""The whole of it: collect, build, write, tell."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from llmri.cluster import destination, samples_file
from llmri.cluster.collect import CollectingPlan, collect
from llmri.cluster.collection import Collected
from llmri.cluster.errors import ClusterError
from llmri.cluster.summary import groups, summary
from llmri_clustering.build import BuildOptions, build
from llmri_clustering.clusters import Clustering
from llmri_clustering.collecting import plural
from llmri_protocol.suggestions import did_you_mean

WIDE = 120  # characters a line, where the table goes into a file or a pipe


def show(clustering: Clustering, rank: str, top: int) -> None:
    """Print a clustering.

    Raises:
        ClusterError: There is no such group to rank by.
    """
    if rank:
        _check_group(rank, groups(clustering))
    console = Console()
    console.width = console.width if console.is_terminal else max(console.width, WIDE)
    console.print(summary(clustering, rank, top))


def make(
    source: CollectingPlan | Path,
    options: BuildOptions,
    *,
    out: Path,
    previous: Path | None,
    rank: str,
    top: int,
) -> None:
    """Collect, or take what an earlier run collected; build, write and print a clustering.

    Whatever could stand in the way later is looked at first. Where no clustering comes of what was
    collected, that is written instead.

    Raises:
        ClusterError: Something could not be done.
    """
    console = Console(stderr=True, highlight=False)
    destination.check(out)
    before = destination.previous(out, previous)
    if isinstance(source, CollectingPlan):
        _check_turns(source)
        if rank:
            _check_group(rank, {prompt.group for prompt in source.prompts} - {""} | set(source.groups))
        collected = collect(source, console, partial(destination.check_model, before))
    else:
        collected = samples_file.load(source)
        destination.check_model(before, collected.model)
    with _rescuing(collected, out, console) if isinstance(source, CollectingPlan) else nullcontext():
        clustering = _built(collected, options, before, console)
        place = destination.keep(clustering, out)
    show(clustering, rank if rank in groups(clustering) else "", top)
    if before is not None:
        same = len(numbers(before) & numbers(clustering))
        console.print(Text(f"{same} of {plural(len(clustering.clusters), 'cluster')} keep their numbers."))
    console.print(Text(f"Wrote {place}." if place == out else f"{out} can't be written: wrote {place}."))
    if collected.broken_off:
        raise ClusterError(f"the collection ended early: {collected.broken_off}; {place} holds what came")


def numbers(clustering: Clustering) -> set[int]:
    """Return the numbers of the clusters."""
    return {cluster.number for cluster in clustering.clusters}


def _built(
    collected: Collected, options: BuildOptions, before: Clustering | None, console: Console
) -> Clustering:
    """Build with a bar.

    Raises:
        ClusterError: Nothing can be built of this.
    """
    columns = TextColumn("{task.description:<10}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("linkage", total=None)

        def shown(step: str, done: int, of: int) -> None:
            progress.update(bar, description=step, completed=done, total=of)

        try:
            found = build(
                collected.samples,
                collected.units,
                model=collected.model,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                options=options,
                correlation=collected.correlation,
                not_taking_part=collected.protected,
                previous=before,
                left_out=collected.left_out,
                progress=shown,
            )
        except ValueError as error:
            raise ClusterError(f"no clusters can be made of this: {error}") from None
    made = found.provenance
    return replace(found, provenance=replace(made, warnings=collected.warnings + made.warnings))


@contextmanager
def _rescuing(collected: Collected, out: Path, console: Console) -> Iterator[None]:
    """Write what was collected if nothing comes of it, whatever the reason."""
    try:
        yield
    except BaseException:
        place = destination.rescue(collected, out)
        console.print(Text(f"What was collected is in {place}; llmri cluster --from {place} builds from it."))
        raise


def _check_turns(plan: CollectingPlan) -> None:
    most = plan.most_turns
    for name, turns in plan.groups.items():
        if most is not None and turns[-1] > most:
            raise ClusterError(
                f"--group {name} names turn {turns[-1]}, and the collection ends after {plural(most, 'turn')}"
            )


def _check_group(name: str, known: set[str] | tuple[str, ...]) -> None:
    if name in known:
        return
    if not known:
        raise ClusterError(
            f"there is no group {name!r} to rank by, no turns are named; --prompts or --group names them"
        )
    meant = did_you_mean(name, known)
    raise ClusterError(f"there is no group {name!r} to rank by, known are {', '.join(sorted(known))}{meant}")
