"""From samples to the dendrogram, beside the recipes with fastcluster and scipy: time and peak memory."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.linkage_process import SAMPLES
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, plain
from benchmarks.runs import Advance, Findings, Track, run
from llmri_clustering.agglomeration import ClusterTree, cut

ALIKE = ("ours", "fastcluster", "scipy")  # whose trees are the same
TOLERANCE = 1e-5  # of merge distances
CUTS = (4, 16, 64, 256)  # numbers of clusters that must be the same


class Cost(msgspec.Struct, frozen=True):
    """What one process took.

    Attributes:
        seconds: From the samples to the linkage.
        peak: Its peak memory in bytes, all of it.
    """

    seconds: float
    peak: int


@dataclass(frozen=True)
class Size:
    """One size, and what is expected there."""

    units: int
    rounds: int
    over_fastcluster: Gate
    over_scipy: Gate
    memory: Gate | None = None


SIZES = (
    Size(4096, 9, Gate(1.7, at_most=False), Gate(2.8, at_most=False)),
    Size(8192, 3, Gate(2, at_most=False), Gate(3, at_most=False)),
    Size(16384, 2, Gate(2.5, at_most=False), Gate(5, at_most=False), Gate(1 / 3)),
)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure both sizes; `rounds` replaces the number of rounds."""
    for size in SIZES:
        yield measure(size, track, rounds or size.rounds)


def measure(size: Size, track: Track, rounds: int) -> Section:
    """Measure one size, a process a run."""
    with TemporaryDirectory() as folder:
        contestants = {way: contestant(way, size.units, Path(folder) / f"{way}.npy") for way in ALIKE}

        def take_turns(advance: Advance) -> Runs[Cost]:
            return interleave(contestants, rounds, advance)

        def judge(runs: Runs[Cost]) -> Findings:
            expect_equal({way: np.load(Path(folder) / f"{way}.npy") for way in ALIKE})
            return findings(size, runs)

        title = f"Linkage, {size.units:,} units, {SAMPLES} samples"
        return run(title, 2 * rounds * len(ALIKE), take_turns, judge, track)


def contestant(way: str, units: int, path: Path) -> Callable[[], Cost]:
    """Return what runs one way in a process of its own."""
    # A process starts with its parent's peak memory in `ru_maxrss`, so the parent is a shell.
    small_parent = ["sh", "-c", '"$@"; exit', "sh"]
    command = [sys.executable, "-m", "benchmarks.linkage_process", way, str(units), str(path)]

    def link() -> Cost:
        told = subprocess.run([*small_parent, *command], check=True, capture_output=True).stdout
        return msgspec.json.decode(told, type=Cost)

    return link


def expect_equal(trees: dict[str, npt.NDArray[np.float64]]) -> None:
    """Make sure that all ways found the same tree.

    Raises:
        RuntimeError: A merge distance or a flat cluster differs.
    """
    ours = trees["ours"]
    for way, tree in trees.items():
        apart = float(np.abs(np.sort(ours[:, 2]) - np.sort(tree[:, 2])).max())
        if apart > TOLERANCE:
            raise RuntimeError(f"merge distances differ from those of {way} by {apart}, at most {TOLERANCE}")
        for number in CUTS:
            if not np.array_equal(flat(ours, number), flat(tree, number)):
                raise RuntimeError(f"the {number} flat clusters differ from those of {way}")


def flat(tree: npt.NDArray[np.float64], number: int) -> npt.NDArray[np.int32]:
    """Return flat clusters, numbered by their first unit."""
    return cut(ClusterTree.from_linkage(tree), number=number)


def findings(size: Size, runs: Runs[Cost]) -> Findings:
    """Work out the table."""
    seconds = per_round(runs, lambda cost: cost.seconds)
    peaks = per_round(runs, lambda cost: cost.peak)
    ours, peak = seconds["ours"], peaks["ours"]
    return Findings(
        rows=(
            Row(
                "fastcluster's recipe / LLMRI, time",
                ratio(seconds["fastcluster"], ours),
                size.over_fastcluster,
            ),
            Row("scipy's recipe / LLMRI, time", ratio(seconds["scipy"], ours), size.over_scipy),
            Row("LLMRI / fastcluster's recipe, peak memory", ratio(peak, peaks["fastcluster"]), size.memory),
            Row("LLMRI / scipy's recipe, peak memory", ratio(peak, peaks["scipy"]), size.memory),
            *(Row(f"{NAMES[way]}, time", spread(seconds[way]), write=in_seconds) for way in ALIKE),
            *(Row(f"{NAMES[way]}, peak memory", spread(peaks[way]), write=gigabytes) for way in ALIKE),
        ),
        notes=(
            "Average linkage on 1 - r of units in blocks and families, with noise. The recipes are "
            "`np.corrcoef`, `squareform(1 - r, checks=False)` and the library's `linkage`. Every run is a "
            "process of its own: the time is that of the work, without imports; the peak memory is "
            "`ru_maxrss`, all of it.",
            f"The trees are equal: merge distances to {TOLERANCE:g}, and the flat clusters at "
            f"{', '.join(map(str, CUTS))}.",
        ),
    )


NAMES = {"ours": "LLMRI", "fastcluster": "fastcluster's recipe", "scipy": "scipy's recipe"}


def in_seconds(figure: float) -> str:
    """Write seconds."""
    return f"{plain(figure)} s"


def gigabytes(figure: float) -> str:
    """Write bytes in gigabytes."""
    return f"{plain(figure / 1e9)} GB"
