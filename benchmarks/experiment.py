"""What an experiment's own work takes of its time, beside the model calls that it needs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec, TypeVar
from unittest.mock import patch

import msgspec
from rich.console import Console

from benchmarks.models import pocket
from benchmarks.pairs import Runs, interleave, per_round, spread
from benchmarks.report import Gate, Row, Section, percent
from benchmarks.runs import Advance, Findings, Track, run
from llmri.experiment import conduct
from llmri.experiment.plans import planned
from llmri_server.experiments.plan import Plan
from llmri_server.torch_runtime import TorchRuntime

P = ParamSpec("P")
T = TypeVar("T")

ROUNDS = 2
DRAWS = 1  # of each control; the shipped files draw twenty, which costs model calls and little else
MOST = Gate(0.10)
RUNNING = "running"


@dataclass(frozen=True)
class Times:
    """Seconds: of a whole run, of its model calls, and of writing and drawing what it found."""

    whole: float
    model: float
    telling: float


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure the bundled experiments, cut down to one draw; `rounds` replaces the number of rounds."""
    runtime = pocket()
    for name in ("mathematics-and-poetry", "dose", "layers"):
        plan = shortened(planned(name))
        measure = partial(take_turns, runtime, plan, rounds or ROUNDS)
        steps = 2 * (rounds or ROUNDS)
        yield run(f"An experiment's own work: {name}", steps, measure, findings, track)


def shortened(plan: Plan) -> Plan:
    """Return the same plan with few draws, and with the operations that only a multiplication needs."""
    controls = plan.controls
    if controls.random:
        controls = msgspec.structs.replace(controls, random=DRAWS, matched=DRAWS)
    operations = tuple(operation for operation in plan.operations if operation.op == "scale")
    return msgspec.structs.replace(plan, controls=controls, operations=operations)


def take_turns(runtime: TorchRuntime, plan: Plan, rounds: int, advance: Advance) -> Runs[Times]:
    """Run the experiment again and again."""
    return interleave({RUNNING: lambda: timed(runtime, plan)}, rounds, advance)


def timed(runtime: TorchRuntime, plan: Plan) -> Times:
    """Run an experiment with a model that is loaded, and tell it."""
    console = Console(quiet=True)
    with TemporaryDirectory() as folder, clocked(runtime) as clock:
        start = time.perf_counter()
        results = conduct.run(plan, console, runtime)
        middle = time.perf_counter()
        conduct.report(results, Path(folder), console)
        return Times(middle - start, clock.seconds, time.perf_counter() - middle)


class Clock:
    """Seconds inside the outermost of nested calls."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def around(self, call: Callable[P, T]) -> Callable[P, T]:
        """Return the same callable, timed."""

        @wraps(call)
        def timed_call(*args: P.args, **kwargs: P.kwargs) -> T:
            self._depth += 1
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - start

        return timed_call


@contextmanager
def clocked(runtime: TorchRuntime) -> Iterator[Clock]:
    """Time every call of the model and of its `generate`."""
    clock = Clock()
    with (
        patch.object(runtime.model, "forward", clock.around(runtime.model.forward)),
        patch.object(runtime.model, "generate", clock.around(runtime.model.generate)),  # type: ignore[arg-type]
    ):
        yield clock


def findings(runs: Runs[Times]) -> Findings:
    """Work out the table."""
    own = per_round(runs, lambda each: 1 - each.model / each.whole)[RUNNING]
    telling = per_round(runs, lambda each: each.telling)[RUNNING]
    whole = per_round(runs, lambda each: each.whole)[RUNNING]
    return Findings(
        rows=(
            Row("own work, of the whole", spread(own), MOST, write=percent),
            Row("the whole, seconds", spread(whole)),
            Row("writing and drawing once at the end, seconds", spread(telling)),
        ),
        notes=(
            "Own work is what is neither in `model.generate` nor in a forward pass: choosing and drawing "
            "units, encoding, compiling edits, marking, distributions and intervals. With "
            f"{DRAWS} draw of each control; more draws are more model calls.",
        ),
    )
