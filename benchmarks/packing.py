"""Circle packing beside d3-hierarchy 3 under node, and beside circlify."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import circlify  # type: ignore[import-untyped]  # it brings no types
import numpy as np
import numpy.typing as npt

from benchmarks.d3 import D3, VERSION, Answer, NoD3Error
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds
from benchmarks.runs import Advance, Findings, Track, run
from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import Packing, enclosing_circle, pack_circles, pack_siblings
from llmri_clustering.packing.lattice import lattice_up_to

ROUNDS = 12
SECONDS = 0.2  # that one run of one contestant takes, about
EQUAL = ((4096, 64), (16384, 256))  # leaves and clusters
UNEQUAL = (64, 256, 1000, 4096)  # siblings
JUDGED = (1000, 4096)  # of these: a call of Python's costs too much for few
CIRCLIFY = 64  # siblings; its time grows more than eightfold with every doubling

FASTER = Gate(5, at_most=False)
NO_LESS_DENSE = Gate(1, at_most=False)
SLOWER = Gate(15)
SAME_AREA = Gate(1.01)
FASTER_THAN_CIRCLIFY = Gate(100, at_most=False)

Floats = npt.NDArray[np.float64]
T = TypeVar("T")
Contestants = Mapping[str, Callable[[], Answer]]


@dataclass(frozen=True)
class Clusters:
    """Equal leaves in clusters of uneven sizes."""

    sizes: npt.NDArray[np.int64]
    nesting: Nesting


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure equal and unequal circles; `rounds` replaces the number of rounds."""
    with ExitStack() as stack:
        d3, reason = None, ""
        try:
            d3 = stack.enter_context(D3.running())
        except NoD3Error as error:
            reason = f"Skipped beside d3-hierarchy: {error}."
        for leaves, clusters in EQUAL:
            section = equal(clusters_of(leaves, clusters), d3, track, rounds or ROUNDS)
            yield section.with_note(reason) if reason else section
        section = unequal(d3, track, rounds or ROUNDS)
        yield section.with_note(reason) if reason else section


def equal(clusters: Clusters, d3: D3 | None, track: Track, rounds: int) -> Section:
    """Measure equal leaves."""
    request = {"sizes": clusters.sizes.tolist(), "seconds": SECONDS}
    contestants: dict[str, Callable[[], Answer]] = {}
    contestants["ours"] = lambda: timed(lambda: pack_circles(clusters.nesting), root_radius)
    if d3 is not None:
        contestants["d3"] = partial(d3.ask, {**request, "by_value": True, "only_pack": True})
        contestants["d3 whole"] = partial(d3.ask, {**request, "by_value": True})
        contestants["d3 radii"] = partial(d3.ask, {**request, "only_pack": True})
    contestants["cold"] = lambda: cold(clusters.nesting)
    leaves = int(clusters.sizes.sum())

    def judge(runs: Runs[Answer]) -> Findings:
        seconds = per_round(runs, lambda answer: answer.seconds)
        density = per_round(runs, lambda answer: leaves / answer.radius**2)
        rows = [Row("LLMRI", spread(seconds["ours"]), write=milliseconds)]
        if "d3" in runs:
            rows[:0] = [
                Row("time of d3 / LLMRI", ratio(seconds["d3"], seconds["ours"]), FASTER),
                Row("density of LLMRI / d3", ratio(density["ours"], density["d3 radii"]), NO_LESS_DENSE),
            ]
            rows += [
                Row("time of d3's whole job / LLMRI", ratio(seconds["d3 whole"], seconds["ours"])),
                Row("time of d3 given radii / LLMRI", ratio(seconds["d3 radii"], seconds["ours"])),
                Row("d3", spread(seconds["d3"]), write=milliseconds),
                Row("d3 given radii", spread(seconds["d3 radii"]), write=milliseconds),
                Row("density of d3", spread(density["d3 radii"])),
            ]
        rows += [
            Row("density of LLMRI", spread(density["ours"])),
            Row("LLMRI, the first time", spread(seconds["cold"]), write=milliseconds),
        ]
        return Findings(tuple(rows), EQUAL_NOTES)

    title = f"Circle packing, {leaves} equal leaves in {len(clusters.sizes)} clusters"
    return turns(title, contestants, rounds, judge, track)


EQUAL_NOTES = (
    "Cluster sizes are uneven (exponential). "
    f"d3-hierarchy {VERSION} is judged by `pack` as it is by default, where leaves have "
    "values: it packs twice, to find their radii and to place them. Its whole job is "
    "`hierarchy`, `sum`, `sort` (largest first, as its documentation advises, and as ours are) and `pack`; "
    "`pack_circles` does all of that, it finds the members of every group, adds up and sorts. Given radii, "
    "d3's `pack` packs once: the least that it can take, told and not judged. d3 answers from one node "
    "process; its objects are made and its compiler is warm before the clock starts. Density is the share of "
    "the root's area that leaves cover.",
    "The places of n equal circles on a lattice are worked out once a process, for every n up to a power of "
    "two, and kept. The first time includes that.",
)


def unequal(d3: D3 | None, track: Track, rounds: int) -> Section:
    """Measure unequal siblings."""
    radii = {number: uneven_radii(number) for number in UNEQUAL}
    areas = (radii[CIRCLIFY] ** 2).tolist()
    contestants: dict[str, Callable[[], Answer]] = {}
    for number in UNEQUAL:
        contestants[f"ours {number}"] = partial(timed, partial(pack_siblings, radii[number]), around)
        if d3 is not None:
            request = {"siblings": radii[number].tolist(), "seconds": SECONDS}
            contestants[f"d3 {number}"] = partial(d3.ask, request)
    contestants["circlify"] = partial(timed, partial(circlify.circlify, areas))

    def judge(runs: Runs[Answer]) -> Findings:
        seconds = per_round(runs, lambda answer: answer.seconds)
        rows = []
        for number in UNEQUAL if d3 is not None else ():
            over = ratio(seconds[f"ours {number}"], seconds[f"d3 {number}"])
            rows.append(Row(f"time of LLMRI / d3, {number}", over, SLOWER if number in JUDGED else None))
        area = per_round(runs, lambda answer: answer.radius**2)
        rows += [
            Row(
                f"area of LLMRI / d3, {number}",
                ratio(area[f"ours {number}"], area[f"d3 {number}"]),
                SAME_AREA,
            )
            for number in JUDGED
            if d3 is not None
        ]
        over = ratio(seconds["circlify"], seconds[f"ours {CIRCLIFY}"])
        rows.append(Row(f"time of circlify / LLMRI, {CIRCLIFY}", over, FASTER_THAN_CIRCLIFY))
        rows += [
            Row(f"LLMRI, {number}", spread(seconds[f"ours {number}"]), write=milliseconds)
            for number in UNEQUAL
        ]
        return Findings(tuple(rows), UNEQUAL_NOTES)

    return turns("Circle packing, unequal siblings", contestants, rounds, judge, track)


UNEQUAL_NOTES = (
    "Radii are log-normal (0.5), in no order. One algorithm in Python and compiled: d3 walks the front for "
    "each circle, which a heap and sorted strips save us, so that the ratio falls with the number. For tens "
    "or a few hundreds the cost of Python's calls is most of it, and the ratio is told but not judged; with "
    "radii that differ more it is higher there.",
)


def turns(
    title: str, contestants: Contestants, rounds: int, judge: Callable[[Runs[Answer]], Findings], track: Track
) -> Section:
    """Let the contestants take turns."""

    def take_turns(advance: Advance) -> Runs[Answer]:
        return interleave(contestants, rounds, advance)

    return run(title, 2 * rounds * len(contestants), take_turns, judge, track)


def timed(
    once: Callable[[], T], radius_of: Callable[[T], float] = lambda _: 0.0, seconds: float = SECONDS
) -> Answer:
    """Return the median time of one packing, over about so many seconds, and the root's radius."""
    times: list[float] = []
    begin = time.perf_counter()
    while True:
        before = time.perf_counter()
        packed = once()
        after = time.perf_counter()
        times.append(after - before)
        if after - begin >= seconds:
            return Answer(float(np.median(times)), radius_of(packed))


def root_radius(packing: Packing) -> float:
    """Return the root's radius."""
    return float(packing.groups[0, 2])


def cold(nesting: Nesting) -> Answer:
    """Time the packing without a table of lattices."""
    lattice_up_to.cache_clear()
    return timed(lambda: pack_circles(nesting), root_radius, 0.0)


def clusters_of(leaves: int, clusters: int) -> Clusters:
    """Draw clusters of uneven sizes; leaves stand in no order."""
    random = np.random.default_rng(0)
    sizes = 1 + random.multinomial(leaves - clusters, random.dirichlet(np.ones(clusters)))
    group = random.permutation(np.repeat(np.arange(1, clusters + 1, dtype=np.int32), sizes))
    parent = np.zeros(clusters + 1, dtype=np.int32)
    parent[0] = -1
    return Clusters(sizes, Nesting(parent, group, np.full(clusters + 1, -1, dtype=np.int32)))


def uneven_radii(number: int) -> Floats:
    """Draw log-normal radii."""
    return np.exp(np.random.default_rng(number).normal(0, 0.5, number))


def around(circles: Floats) -> float:
    """Return the radius around circles."""
    return float(enclosing_circle(circles)[2])
