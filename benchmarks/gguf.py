"""What watching a GGUF file costs a token of llama.cpp, beside the same context without a callback.

Capture is measured in whole turns of one runtime, without a server, in which the clock is read at every
generated token. Asks are measured in passes alone: they are a small part of a token. The contestants share
the weights and take turns; each has contexts of its own.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.gguf_asks import Unseen, asks
from benchmarks.gguf_files import write_llama_16_by_2048
from benchmarks.gguf_threads import threads
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, microseconds, milliseconds, percent
from benchmarks.runs import Advance, Findings, Track, run
from llmri_server.llama_runtime import LlamaRuntime, load
from llmri_server.llama_runtime.context import Context
from llmri_server.llama_runtime.options import Options
from llmri_server.pocket import WEIGHTS
from llmri_server.runtime import CapturePlan, Sampling, ScanEvent, TokenEvent

SITE = "resid_post"
POCKET = WEIGHTS.parent / "pocket-q8_0.gguf"
ASK_ROUNDS, THREAD_ROUNDS = 60, 12
NONE, NONE_AGAIN, CAPTURE = ("no callback", "no callback again", "capture")


@dataclass(frozen=True)
class Case:
    """A file to measure on, what is said, for how long, and the gate of what capture adds to a token."""

    title: str
    file: Callable[[Path], Path]
    prompt: str
    tokens: int
    rounds: int
    share: Gate


def pocket(_folder: Path) -> Path:
    """Return the bundled file."""
    return POCKET


def llama_16_by_2048(folder: Path) -> Path:
    """Write the large file."""
    path = folder / "llama-16-by-2048.gguf"
    write_llama_16_by_2048(path)
    return path


CASES = (
    Case(
        title="GGUF: Llama of 16 layers x 2048 in Q8_0",
        file=llama_16_by_2048,
        prompt="1234",
        tokens=12,
        rounds=12,
        share=Gate(0.04),
    ),
    Case(
        title="GGUF: pocket in Q8_0",
        file=pocket,
        prompt="Tell me a story.",
        tokens=200,
        rounds=24,
        share=Gate(0.25),
    ),
)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure every case; `rounds` replaces their own numbers of rounds."""
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            yield measure(case, case.file(Path(folder)), track, rounds or case.rounds)
    one, every = load(POCKET, Options(threads=1)), load(POCKET, Options(threads=os.cpu_count() or 1))
    yield asks(one, track, rounds or ASK_ROUNDS)
    yield threads(one, every, track, rounds or THREAD_ROUNDS)


def measure(case: Case, file: Path, track: Track, rounds: int) -> Section:
    """Measure one case."""
    contestants = contestants_of(case, load(file))
    for warm_up in contestants.values():
        warm_up()

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(contestants, rounds, advance)

    return run(
        case.title, 2 * rounds * len(contestants), take_turns, lambda runs: findings(case, runs), track
    )


def contestants_of(case: Case, runtime: LlamaRuntime) -> Mapping[str, Callable[[], float]]:
    """Return what takes turns: the same runtime in contexts with other callbacks."""
    runtime.vocabulary.ends = frozenset()
    watch = runtime._memory.watch
    ours, bare = watch.context, Context(runtime._model, Unseen(), runtime._discovery.flash_attention)
    nothing = CapturePlan()
    capture = CapturePlan(((SITE, tuple(range(runtime.card.layers))),), prompt_positions=0)

    def turn(context: Context, plan: CapturePlan) -> Callable[[], float]:
        def hold() -> float:
            watch.context = context
            runtime.capture(plan)
            return seconds_a_token(runtime, case)

        return hold

    return {NONE: turn(bare, nothing), CAPTURE: turn(ours, capture), NONE_AGAIN: turn(bare, nothing)}


def seconds_a_token(runtime: LlamaRuntime, case: Case) -> float:
    """Hold one turn and give the median time of its tokens but the first, which pays for the prompt."""
    clock = _Clock()
    sampling = Sampling(max_new_tokens=case.tokens)
    runtime.generate([{"role": "user", "content": case.prompt}], sampling, clock, threading.Event())
    return statistics.median(after - before for before, after in pairwise(clock.times))


class _Clock:
    """A sink that looks at the clock when a token was chosen."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def token(self, event: TokenEvent) -> None:
        """Take a token."""
        if event.phase == "generate":
            self.times.append(time.perf_counter())

    def scan(self, event: ScanEvent) -> None:
        """Take a scan."""


def findings(case: Case, runs: Runs[float]) -> Findings:
    """Work out the table."""
    tokens = per_round(runs, lambda seconds: seconds)
    bare = [(one + other) / 2 for one, other in zip(tokens[NONE], tokens[NONE_AGAIN], strict=True)]
    more = [after - before for after, before in zip(tokens[CAPTURE], bare, strict=True)]
    return Findings(
        rows=(
            Row(f"capture of every `{SITE}`, of a token", ratio(more, bare), case.share, percent),
            Row("a token without a callback", spread(bare), write=milliseconds),
            Row("what capture adds to a token", spread(more), write=microseconds),
            Row("a token without a callback / the same (control)", ratio(tokens[NONE_AGAIN], tokens[NONE])),
        ),
        notes=(
            f"A run is a turn of {case.tokens} tokens, of which the median counts; the first pays for the "
            "prompt and is left out. A token is decoded, described, sampled and announced; what capture adds "
            "holds the scan's own array and its hand-over.",
        ),
    )
