"""What a token costs the running correlation, beside an outer product a token."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.models import pocket
from benchmarks.pairs import Rounds, Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds, percent
from benchmarks.runs import Advance, Findings, Track, run
from benchmarks.served import served
from llmri_clustering.correlation import RunningCorrelation

ROUNDS = 8
TOKENS = 1024  # of one run of ours: sixteen updates and the one fold that they bring about
POCKET_TOKENS = 60
PROMPT = "Tell me a story."
OURS, BATCH, OUTER, MODEL = "LLMRI", "LLMRI, in one batch", "an outer product a token", "a token of pocket"


@dataclass(frozen=True)
class Case:
    """So many units, over how many tokens the outer products are timed, and what is expected.

    `with_model` also times pocket, whose `mlp_act` has 4096 units.
    """

    units: int
    outer_tokens: int
    gate: Gate | None = None
    with_model: bool = False


CASES = (
    Case(4096, 24, Gate(20, at_most=False), with_model=True),
    Case(512, 512),
)


class OuterProducts:
    """Co-moments by Welford's update (1962), a token and an outer product at a time, in float32."""

    def __init__(self, units: int) -> None:
        self.count = 0
        self.mean: npt.NDArray[np.float32] = np.zeros(units, dtype=np.float32)
        self.comoment: npt.NDArray[np.float32] = np.zeros((units, units), dtype=np.float32)

    def add(self, scan: npt.NDArray[np.float32]) -> None:
        """Take in one scan, `[units]`."""
        self.count += 1
        before = scan - self.mean
        self.mean += before / self.count
        self.comoment += np.outer(before, scan - self.mean)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure every case; `rounds` replaces the number of rounds."""
    for case in CASES:
        yield measure(case, track, rounds or ROUNDS)


def measure(case: Case, track: Track, rounds: int) -> Section:
    """Measure one case."""
    with ExitStack() as stack:
        contestants = contestants_of(case)
        if case.with_model:
            here = stack.enter_context(served(pocket(), PROMPT, POCKET_TOKENS))
            contestants[MODEL] = lambda: here.turn().token
        for warm_up in contestants.values():
            warm_up()

        def take_turns(advance: Advance) -> Runs[float]:
            return interleave(contestants, rounds, advance)

        steps = 2 * rounds * len(contestants)
        return run(f"Correlation, {case.units} units", steps, take_turns, partial(findings, case), track)


def contestants_of(case: Case) -> dict[str, Callable[[], float]]:
    """Return what takes turns; each gives its seconds a token."""
    scans = np.random.default_rng(0).normal(1, size=(TOKENS, case.units)).astype(np.float32)
    singly, whole = RunningCorrelation(case.units), RunningCorrelation(case.units)
    outer = OuterProducts(case.units)
    return {
        OURS: lambda: seconds_each(singly.add, list(scans)),
        BATCH: lambda: seconds_each(whole.add, [scans]) / TOKENS,
        OUTER: lambda: seconds_each(outer.add, list(scans[: case.outer_tokens])),
    }


def seconds_each(
    add: Callable[[npt.NDArray[np.float32]], None], parts: list[npt.NDArray[np.float32]]
) -> float:
    """Return the mean seconds that adding a part takes."""
    start = time.perf_counter()
    for part in parts:
        add(part)
    return (time.perf_counter() - start) / len(parts)


def findings(case: Case, runs: Runs[float]) -> Findings:
    """Work out the table."""
    seconds = per_round(runs, lambda each: each)
    return Findings(
        rows=(
            Row(f"{OUTER} / {OURS}", ratio(seconds[OUTER], seconds[OURS]), case.gate),
            Row(f"{OUTER} / {BATCH}", ratio(seconds[OUTER], seconds[BATCH])),
            *_model_rows(seconds),
            Row(f"{OURS}, a token", spread(seconds[OURS]), write=milliseconds),
            Row(f"{BATCH}, a token", spread(seconds[BATCH]), write=milliseconds),
            Row(OUTER, spread(seconds[OUTER]), write=milliseconds),
        ),
        notes=(
            f"A run of LLMRI takes in {TOKENS} scans, one a call unless it says otherwise, with all the "
            "updates and the fold that they bring about. The outer product is Welford's update in float32.",
        ),
    )


def _model_rows(seconds: Rounds) -> list[Row]:
    if MODEL not in seconds:
        return []
    return [
        Row(f"{OURS}, of {MODEL}", ratio(seconds[OURS], seconds[MODEL]), write=percent),
        Row(MODEL, spread(seconds[MODEL]), write=milliseconds),
    ]
