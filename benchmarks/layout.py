"""The Hebbian layout at 4096 units and 512 samples, beside index order, PCA and UMAP."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.layout_rivals import (
    Given,
    Positions,
    Samples,
    index_order,
    principal_components,
    umap_default,
    umap_given,
    umap_seeded,
)
from benchmarks.layout_samples import SOURCES, UNITS
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds
from benchmarks.runs import Advance, Findings, Track, run
from llmri_clustering.layout import drift, hebbian_layout, neighbour_overlap, snap, trustworthiness

SAMPLES = 512
REPLACED = 26  # samples: 5 %
ROUNDS = 3
DRAWS = 5  # of the samples, to measure drift by: UMAP stays or turns; all else is from the first

OURS = "LLMRI"
GIVEN = "UMAP, exact neighbours and PCA start"
DEFAULT = "UMAP, default"
SEEDED = "UMAP, default with a seed"

FROM_NOTHING = "LLMRI, from nothing"
RELEARNED = "LLMRI, relearned"
GIVEN_RELEARNED = "UMAP, started from its last layout"

TIMES = {GIVEN: Gate(2, at_most=False), SEEDED: Gate(20, at_most=False), DEFAULT: None}
NO_WORSE = Gate(1, at_most=False)
A_FIFTH = Gate(0.2)
ALL_BITS = Gate(1, at_most=False)


@dataclass(frozen=True)
class Shown:
    """How well one layout keeps neighbours."""

    trustworthiness: float
    overlap: float


@dataclass(frozen=True)
class Measured:
    """All that one run found: seconds by contestant, quality by layout, drifts by draw, repeated bits."""

    seconds: Runs[float]
    shown: Mapping[str, Shown]
    drifts: Mapping[str, tuple[float, ...]]
    same_bits: bool


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure every kind of samples; `rounds` replaces the number of rounds."""
    for name, source in SOURCES.items():
        draws = [source(SAMPLES + REPLACED, np.random.default_rng(seed)) for seed in range(DRAWS)]
        yield measure(name, draws, track, rounds or ROUNDS)


def measure(name: str, draws: list[Samples], track: Track, rounds: int) -> Section:
    """Measure one kind of samples, `[512 + 26, units]` a draw; the last replace others for the refit."""
    samples = draws[0][:SAMPLES]
    contestants = contestants_of(samples)
    for layout in contestants.values():
        layout()  # numba compiles in the first call

    def take_turns(advance: Advance) -> Measured:
        timed = {way: partial(seconds_of, layout) for way, layout in contestants.items()}
        seconds = interleave(timed, rounds, advance)
        layouts = {way: layout() for way, layout in contestants.items()}
        shown = quality(samples, layouts)
        moved = [drifts(drawn) for drawn in draws]
        by_way = {way: tuple(draw[way] for draw in moved) for way in moved[0]}
        return Measured(seconds, shown, by_way, repeats(samples, layouts[OURS]))

    title = f"Layout, {name}, [{SAMPLES}, {UNITS}]"
    return run(title, 2 * rounds * len(contestants), take_turns, findings, track)


def replaced(drawn: Samples) -> Samples:
    """Return the first samples, with some of them replaced by the last ones."""
    samples = drawn[:SAMPLES].copy()
    rows = np.random.default_rng(1).permutation(SAMPLES)[: len(drawn) - SAMPLES]
    samples[rows] = drawn[SAMPLES:]
    return samples


def contestants_of(samples: Samples) -> dict[str, Callable[[], Positions]]:
    """Return what is timed; ours begins from the samples."""
    return {
        OURS: partial(hebbian_layout, samples),
        GIVEN: partial(umap_given, Given.of_samples(samples)),
        DEFAULT: partial(umap_default, samples),
        SEEDED: partial(umap_seeded, samples),
    }


def seconds_of(layout: Callable[[], Positions]) -> float:
    """Time one layout."""
    begin = time.perf_counter()
    layout()
    return time.perf_counter() - begin


def quality(samples: Samples, layouts: Mapping[str, Positions]) -> dict[str, Shown]:
    """Measure all layouts, ours also after snapping, and two that cost nothing."""
    cells, _ = snap(layouts[OURS])
    everything = {
        **layouts,
        "LLMRI, snapped to a grid": cells.astype(np.float32),
        "PCA": principal_components(samples),
        "index order": index_order(samples),
    }
    return {
        name: Shown(trustworthiness(samples, places), neighbour_overlap(samples, places))
        for name, places in everything.items()
    }


def drifts(drawn: Samples) -> dict[str, float]:
    """Return how far each layout moves when some samples are replaced, as Procrustes disparity."""
    samples, refit = drawn[:SAMPLES], replaced(drawn)
    before = {
        OURS: hebbian_layout(samples),
        GIVEN: umap_given(Given.of_samples(samples)),
        SEEDED: umap_seeded(samples),
    }
    again = {
        FROM_NOTHING: (OURS, hebbian_layout(refit)),
        RELEARNED: (OURS, hebbian_layout(refit, previous=before[OURS])),
        GIVEN: (GIVEN, umap_given(Given.of_samples(refit))),
        GIVEN_RELEARNED: (GIVEN, umap_given(Given.of_samples(refit, before[GIVEN]))),
        SEEDED: (SEEDED, umap_seeded(refit)),
    }
    return {name: drift(before[first], second) for name, (first, second) in again.items()}


def repeats(samples: Samples, before: Positions) -> bool:
    """Whether the same seed gives the same bits."""
    return before.tobytes() == hebbian_layout(samples).tobytes()


def findings(measured: Measured) -> Findings:
    """Work out the table."""
    seconds = per_round(measured.seconds, lambda run: run)
    shown, moved = measured.shown, measured.drifts
    best = max(shown[way].overlap for way in TIMES)
    return Findings(
        rows=(
            *(Row(f"time, {way} / LLMRI", ratio(seconds[way], seconds[OURS]), TIMES[way]) for way in TIMES),
            Row("overlap, LLMRI / the best UMAP", spread([shown[OURS].overlap / best]), NO_WORSE),
            Row("drift, both from nothing, LLMRI / UMAP", ratio(moved[FROM_NOTHING], moved[GIVEN]), A_FIFTH),
            Row("drift, both relearned, LLMRI / UMAP", ratio(moved[RELEARNED], moved[GIVEN_RELEARNED])),
            Row("drift, LLMRI relearned / UMAP from nothing", ratio(moved[RELEARNED], moved[GIVEN])),
            Row("same seed, same bits", spread([float(measured.same_bits)]), ALL_BITS),
            Row("LLMRI, time", spread(seconds[OURS]), write=milliseconds),
            *(
                Row(f"trustworthiness, {name}", spread([of.trustworthiness]), write=fine)
                for name, of in shown.items()
            ),
            *(Row(f"overlap, {name}", spread([of.overlap]), write=fine) for name, of in shown.items()),
            *(Row(f"drift, {name}", spread(figures), write=fine) for name, figures in moved.items()),
        ),
        notes=(
            "UMAP is compiled before anything is timed. Given exact neighbours and a PCA start, it is spared "
            "both; ours begins from the samples. The default is `UMAP(metric='correlation')`. With a seed it "
            "repeats, as ours does, and keeps to one processor: that one is gated. Without a seed it takes "
            "all processors and never repeats.",
            "Trustworthiness and overlap are over the 15 nearest by correlation. Drift is the Procrustes "
            f"disparity after {REPLACED} of {SAMPLES} samples were replaced, in {DRAWS} draws of them. From "
            "nothing, UMAP starts from the principal components; relearned, each starts from its last "
            "layout, as `llmri cluster` does. All seeds are 0.",
        ),
    )


def fine(figure: float) -> str:
    """Write a share to four places."""
    return f"{figure:.4f}"
