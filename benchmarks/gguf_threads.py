"""Why a small model has one processor thread: llama.cpp's threads wait for each other after every node."""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.gguf_asks import Unseen, passes
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Row, Section, microseconds
from benchmarks.runs import Advance, Findings, Track, run
from llmri_server.llama_runtime import LlamaRuntime
from llmri_server.llama_runtime.context import Context

ONE, ALL, ONE_BESIDE, ALL_BESIDE = (
    "one thread",
    "all threads",
    "one thread, beside a busy program",
    "all threads, beside a busy program",
)
PASSES = 200  # a run: stalls are rare and long
SPIN = "print(flush=True)\nwhile True: pass"


def threads(one: LlamaRuntime, every: LlamaRuntime, track: Track, rounds: int) -> Section:
    """Measure passes of the same model by one thread, and by as many as there are processors."""
    single, many = (_mean(passes(Context(each._model, Unseen(), "auto"), 1)) for each in (one, every))
    contestants = {ONE: single, ALL: many, ONE_BESIDE: _beside(single), ALL_BESIDE: _beside(many)}

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(contestants, rounds, advance)

    title = f"GGUF: threads of {one.card.name}"
    return run(title, 2 * rounds * len(contestants), take_turns, findings, track)


def _mean(single: Callable[[], float]) -> Callable[[], float]:
    """Return a run: the mean seconds of passes."""
    return lambda: statistics.fmean(single() for _ in range(PASSES))


def _beside(passing: Callable[[], float]) -> Callable[[], float]:
    def seconds() -> float:
        with busy():
            return passing()

    return seconds


@contextmanager
def busy() -> Iterator[None]:
    """Keep one processor busy with another program, as a viewer does."""
    with subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE) as program:
        try:
            if program.stdout is None or not program.stdout.readline():
                raise RuntimeError("the other program did not start")
            yield
        finally:
            program.kill()


def findings(runs: Runs[float]) -> Findings:
    """Work out the table."""
    took = per_round(runs, lambda seconds: seconds)
    return Findings(
        rows=(
            Row("all threads / one", ratio(took[ALL], took[ONE])),
            Row("all threads / one, beside a busy program", ratio(took[ALL_BESIDE], took[ONE_BESIDE])),
            *(Row(name, spread(seconds), write=microseconds) for name, seconds in took.items()),
        ),
        notes=(
            f"The mean of {PASSES} passes of one token behind a short prompt, without a callback. The other "
            "program computes.",
        ),
    )
