"""Clustering at the sizes that people have: evidence, trees, the layout, packing, and half precision."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks.layout_samples import moving_bumps, overlapping_blocks, pocket_replies
from benchmarks.linkage import Cost, contestant, gigabytes, in_seconds
from benchmarks.linkage_process import SAMPLES, samples_of
from benchmarks.packing import clusters_of, cold
from benchmarks.pairs import Runs, Spread, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds
from benchmarks.runs import Advance, Findings, Track, run
from llmri_clustering import BuildOptions, Samples, UnitSet, linkage_from_samples, stages
from llmri_clustering.agglomeration import agreement_with_exact
from llmri_clustering.building import ClusterRecipe
from llmri_clustering.clusters import Clustering
from llmri_clustering.collecting import HalfSamples, KeptScans
from llmri_clustering.collecting.half_samples import measured_error
from llmri_clustering.evidence import PermutedSearch, null_of, quality_of_samples, stability
from llmri_clustering.layout import hebbian, hebbian_layout, trustworthiness
from llmri_clustering.sources import source_of

Array = npt.NDArray[np.float32]

EVIDENCE = (4096, 8192, 16384)  # units
TURN = 16  # samples a turn
EXACT, ESTIMATED, JUDGED_LAYOUT = 131_072, 458_752, 16_384
LEAVES, CLUSTERS = 458_752, 7168
KEPT, WIDE = 2000, 4096  # samples in half precision, and their units
OUTLIER = 200  # standard deviations

NEARLY_ALL = Gate(0.95, at_most=False)
CLEAR, UNCLEAR = (Gate(4), NEARLY_ALL), (Gate(8), NEARLY_ALL)  # evidence over tree, and the same verdicts
AT_CHANCE = Gate(8), None  # where thorough evidence does not agree with itself
TREE_TIME, TREE_MEMORY = Gate(90), Gate(1.5e9)
ESTIMATE_TIME, ESTIMATE_MEMORY = Gate(480), Gate(6e9)
LAYOUT_TIME, LAYOUT_LOSS = Gate(45), Gate(0.01)
PACKING_TIME, PRECISION = Gate(0.5), Gate(0.005)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure all; `rounds` replaces the number of rounds."""
    for units in EVIDENCE:
        yield evidence(f"blocks in families, {units:,} units", samples_of(units), CLEAR, track, rounds or 2)
    yield evidence("half of 8,192 units noise", half_noise(8192), UNCLEAR, track, rounds or 2)
    replies = pocket_replies(SAMPLES, np.random.default_rng(0))
    yield evidence("pocket, 4,096 units", replies, AT_CHANCE, track, rounds or 2)
    yield tree("ours", EXACT, TREE_TIME, TREE_MEMORY, track)
    yield tree("estimate", ESTIMATED, ESTIMATE_TIME, ESTIMATE_MEMORY, track)
    yield agreement(track)
    yield layout(track)
    yield packing(track, rounds or 5)
    yield precision(track)


@dataclass(frozen=True)
class Gathered:
    """What building with evidence took, and what it found."""

    seconds: float
    halves: int
    clustering: Clustering


def evidence(name: str, values: Array, gates: tuple[Gate, Gate | None], track: Track, rounds: int) -> Section:
    """Measure what evidence costs beside the tree, and hold its verdicts against thorough ones."""
    time_gate, verdicts = gates
    turn = (np.arange(len(values)) // TURN).astype(np.int32)
    samples = Samples(values, turn, np.zeros(len(values), np.int32), {})
    contestants: Mapping[str, Callable[[], Gathered]] = {
        "tree": partial(linked, samples),
        "evidence": partial(gathered, samples),
    }

    def take_turns(advance: Advance) -> Runs[Gathered]:
        return interleave(contestants, rounds, advance)

    def judge(runs: Runs[Gathered]) -> Findings:
        seconds = per_round(runs, lambda one: one.seconds)
        last = runs["evidence"][-1][-1]
        real = np.array([one.real for one in last.clustering.clusters])
        once, again = (thorough(samples, last.clustering, seed) for seed in (0, 1))
        return Findings(
            rows=(
                Row("evidence / tree, time", ratio(seconds["evidence"], seconds["tree"]), time_gate),
                Row("verdicts that are those of thorough evidence", same(real, once), verdicts),
                Row("the same of thorough evidence with other draws", same(again, once)),
                Row("halves", spread([float(last.halves)])),
                Row("tree", spread(seconds["tree"]), write=in_seconds),
            ),
            notes=(
                f"{len(last.clustering.clusters)} clusters of {values.shape[1]:,} units, {len(values)} "
                "samples. Thorough evidence is eight halves, and two permutations with eight halves each; "
                "where it does not agree with itself, ours is not judged by it.",
            ),
        )

    return run(f"Evidence, {name}", 4 * rounds, take_turns, judge, track)


def same(verdicts: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> Spread:
    """Return the share of clusters of which both say the same."""
    return spread([float(np.mean(verdicts == others))])


def linked(samples: Samples) -> Gathered:
    """Time the tree alone."""
    begin = time.process_time()
    linkage_from_samples(samples.values)
    return Gathered(time.process_time() - begin, 0, None)  # type: ignore[arg-type]  # nothing was clustered


def gathered(samples: Samples) -> Gathered:
    """Time the evidence alone: all that comes after the layout, which is left out."""
    units = UnitSet.of_layers("m", [0], samples.values.shape[1])
    with patch("llmri_clustering.building.placing.hebbian_layout", side_effect=without_layout):
        coming = stages(samples, units, model="m", created="")
        next(coming)
        last = next(coming)
        begin = time.process_time()
        for stage in coming:
            last = stage
    return Gathered(time.process_time() - begin, last.halves, last.clustering)


def without_layout(values: Array, **_: object) -> Array:
    """Stand all units in a row."""
    units = values.shape[1]
    return np.stack([np.arange(units), np.zeros(units)], axis=1).astype(np.float32)


def thorough(samples: Samples, found: Clustering, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Return the verdicts by eight halves and two permutations with eight halves each, `[clusters]`."""
    recipe, source = ClusterRecipe(BuildOptions()), source_of(samples.values)
    for_halves, for_null = np.random.default_rng(seed).spawn(2)
    searches = [
        PermutedSearch(source, samples.turn, recipe, resamples=8, rng=for_null).found(8) for _ in range(2)
    ]
    null = null_of(searches, 8).at_sizes(np.array([cluster.units for cluster in found.clusters]))
    steady = stability(source, samples.turn, found.labels, recipe, resamples=8, rng=for_halves)
    inside = quality_of_samples(source, found.labels).inside
    return np.asarray((inside > null[:, 0]) & (steady > null[:, 2]))


def half_noise(units: int) -> Array:
    """Return blocks in families, of which half of the units are noise alone."""
    values, random = samples_of(units), np.random.default_rng(7)
    alone = random.random(units) < 0.5
    values[:, alone] = random.standard_normal((len(values), int(alone.sum())), dtype=np.float32)
    return values


def tree(way: str, units: int, seconds: Gate, memory: Gate, track: Track) -> Section:
    """Measure one tree in a process of its own, once."""
    with TemporaryDirectory() as folder:
        link = contestant(way, units, Path(folder) / "tree.npy")

        def judge(cost: Cost) -> Findings:
            return Findings(
                (
                    Row("time", spread([cost.seconds]), seconds, in_seconds),
                    Row("peak memory", spread([float(cost.peak)]), memory, gigabytes),
                ),
                (f"{SAMPLES} samples. The peak is that of the process, samples and all.",),
            )

        title = f"Tree of {units:,} units, {'exact' if way == 'ours' else 'an estimate'}"
        return run(title, 1, lambda _: link(), judge, track)


def agreement(track: Track) -> Section:
    """Measure how far the estimate agrees with the exact tree."""

    def judge(told: dict[str, tuple[float, float]]) -> Findings:
        rows = []
        for name, (flat, heights) in told.items():
            gate = NEARLY_ALL if name == "blocks in families" else None
            rows += [
                Row(f"adjusted Rand index, {name}", spread([flat]), gate),
                Row(f"cophenetic correlation, {name}", spread([heights]), gate),
            ]
        note = "Of clusters of noise alone any other estimate finds others: they are told and not judged."
        return Findings(tuple(rows), (note,))

    def measure(_: Advance) -> dict[str, tuple[float, float]]:
        cut = ClusterRecipe(BuildOptions()).labels
        kinds = {"blocks in families": samples_of(JUDGED_LAYOUT), "half noise": half_noise(JUDGED_LAYOUT)}
        told = {name: agreement_with_exact(source_of(values), cut) for name, values in kinds.items()}
        return {name: (one.adjusted_rand, one.cophenetic) for name, one in told.items()}

    return run("Agreement of the estimate with the exact tree, 8,192 units", 1, measure, judge, track)


def layout(track: Track) -> Section:
    """Measure the layout of many units, and what looking in cells costs in trustworthiness."""

    def measure(_: Advance) -> tuple[float, dict[str, float]]:
        values = samples_of(EXACT)
        begin = time.perf_counter()
        hebbian_layout(values)
        seconds = time.perf_counter() - begin
        kinds = {"overlapping blocks": overlapping_blocks, "moving bumps": moving_bumps}
        lost = {
            name: loss(kind(SAMPLES, np.random.default_rng(0), JUDGED_LAYOUT)) for name, kind in kinds.items()
        }
        return seconds, lost

    def judge(measured: tuple[float, dict[str, float]]) -> Findings:
        seconds, lost = measured
        rows = [Row(f"time, {EXACT:,} units", spread([seconds]), LAYOUT_TIME, in_seconds)]
        rows += [
            Row(f"trustworthiness lost, {name}", spread([one]), LAYOUT_LOSS) for name, one in lost.items()
        ]
        return Findings(tuple(rows), (f"Lost by looking in cells, at {JUDGED_LAYOUT:,} units.",))

    return run(f"Layout of {EXACT:,} units", 1, measure, judge, track)


def loss(values: Array) -> float:
    """Return by how much trustworthiness falls where neighbours are looked for in cells."""
    exact = trustworthiness(values, hebbian_layout(values))
    with patch.object(hebbian, "EXACT", 0):
        return exact - trustworthiness(values, hebbian_layout(values))


def packing(track: Track, rounds: int) -> Section:
    """Measure the packing of many leaves, half of them beside the clusters, for the first time."""
    whole = clusters_of(LEAVES, CLUSTERS).nesting
    group = whole.group.copy()
    group[np.random.default_rng(1).random(len(group)) < 0.5] = 0
    loose = type(whole)(whole.parent, group, whole.node)

    def measure(advance: Advance) -> dict[str, Spread]:
        ways = {"all in clusters": partial(cold, whole), "half of them in none": partial(cold, loose)}
        runs = interleave(ways, rounds, advance)
        return {name: spread(times) for name, times in per_round(runs, lambda one: one.seconds).items()}

    def judge(found: dict[str, Spread]) -> Findings:
        return Findings(tuple(Row(name, one, PACKING_TIME, milliseconds) for name, one in found.items()))

    return run(f"Packing of {LEAVES:,} leaves in {CLUSTERS:,} clusters", 4 * rounds, measure, judge, track)


def precision(track: Track) -> Section:
    """Measure what half precision changes correlations by, over all pairs, outliers and all."""

    def measure(_: Advance) -> tuple[float, float]:
        random = np.random.default_rng(0)
        values = overlapping_blocks(KEPT, random, WIDE) * np.exp(random.normal(0, 3, WIDE)) + 40
        spiked = random.choice(WIDE, WIDE // 2, replace=False)
        values[random.integers(KEPT, size=len(spiked)), spiked] += OUTLIER * values.std(axis=0)[spiked]
        scans = KeptScans(KEPT, 0, half=True)
        for token, row in enumerate(values.astype(np.float32)):
            scans.add(row, 0, token)
        kept = HalfSamples.of_kept(scans.in_order(), scans.witnesses)
        return measured_error(values.astype(np.float32), kept.columns(slice(None))), kept.error().most

    def judge(found: tuple[float, float]) -> Findings:
        error, most = found
        note = (
            f"The largest over all pairs of {WIDE:,} units at every scale, {KEPT:,} samples; half of the "
            f"units have an outlier of {OUTLIER} standard deviations. 2 bytes a value: 2,000 scans of "
            "131,072 units take 500 MiB."
        )
        rows = (
            Row("measured", spread([error]), PRECISION),
            Row("bound that is told", spread([most]), PRECISION),
        )
        return Findings(rows, (note,))

    return run("Error of a correlation by half precision", 1, measure, judge, track)
