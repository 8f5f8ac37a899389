"""What edits cost the model's thread: many units beside one, everywhere beside nowhere.

Whole turns of one runtime, without a server, in which the clocks are read at every generated token.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.models import llama_16_by_2048, pocket
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, microseconds, milliseconds, percent
from benchmarks.runs import Advance, Findings, Track, run
from benchmarks.stopwatch import Stopwatch, own_cost
from benchmarks.timed_runtime import MarkedSink, TokenTimes
from llmri_protocol.messages import Edit, ModelCard, Operation, Schedule
from llmri_server.runtime import CapturePlan, Sampling, ScanEvent, TokenEvent
from llmri_server.torch_runtime import TorchRuntime

SITE = "mlp_act"  # the widest one
KINDS: tuple[Operation, ...] = ("scale", "add", "set", "mean", "resample")
NONE, NONE_AGAIN = "no edits", "no edits again"
CAPTURE, CLEARED = "capture", "capture after edits were cleared"
WAITING = "an edit in every layer whose turn has not come"
ONE_OP, MANY_ONE_OP = "one unit, scaled", "many units, scaled"
ALL_OPS, MANY_ALL_OPS = "a unit for each operation", "many units, every operation"

Edits = tuple[Edit, ...]
Contestants = Mapping[str, Callable[[], TokenTimes]]


@dataclass(frozen=True)
class Case:
    """A model to measure on, how long, how many units are many, and the gate on a token's share."""

    title: str
    model: Callable[[], TorchRuntime]
    prompt: str
    tokens: int
    rounds: int
    many: int
    share: Gate | None


CASES = (
    Case(
        title="Edits in every layer, Llama of 16 layers x 2048 in bfloat16",
        model=llama_16_by_2048,
        prompt="1 2 3 4",
        tokens=10,
        rounds=5,
        many=1000,
        share=Gate(0.01),
    ),
    Case(
        title="Edits in every layer, pocket",
        model=pocket,
        prompt="Tell me a story.",
        tokens=60,
        rounds=8,
        many=500,
        share=None,
    ),
)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure every case; `rounds` replaces their own numbers of rounds."""
    for case in CASES:
        yield measure(case, track, rounds or case.rounds)


def measure(case: Case, track: Track, rounds: int) -> Section:
    """Measure one case."""
    contestants = contestants_of(case)
    for warm_up in contestants.values():
        warm_up()

    def take_turns(advance: Advance) -> Runs[TokenTimes]:
        return interleave(contestants, rounds, advance)

    return run(
        case.title, 2 * rounds * len(contestants), take_turns, lambda runs: findings(case, runs), track
    )


def contestants_of(case: Case) -> Contestants:
    """Return what takes turns."""
    runtime = case.model()
    layers = tuple(range(runtime.card.layers))
    plain, scans = CapturePlan(), CapturePlan((("resid_post", layers),))

    def turn(edits: Edits, plan: CapturePlan, *, cleared: bool = False) -> Callable[[], TokenTimes]:
        def hold() -> TokenTimes:
            runtime.apply_edits(edits)
            if cleared:
                runtime.apply_edits(())
            runtime.capture(plan)
            return timed_turn(runtime, case)

        return hold

    later = Schedule(first=10**6)
    many = edits_of(runtime.card, ("scale",), case.many)
    return {
        NONE: turn((), plain),
        ONE_OP: turn(edits_of(runtime.card, ("scale",), 1), plain),
        MANY_ONE_OP: turn(many, plain),
        ALL_OPS: turn(edits_of(runtime.card, KINDS, len(KINDS)), plain),
        MANY_ALL_OPS: turn(edits_of(runtime.card, KINDS, case.many), plain),
        WAITING: turn(edits_of(runtime.card, ("scale",), 1, later), plain),
        CAPTURE: turn((), scans),
        CLEARED: turn(many, scans, cleared=True),
        NONE_AGAIN: turn((), plain),
    }


def edits_of(
    card: ModelCard, kinds: tuple[Operation, ...], units: int, schedule: Schedule | None = None
) -> Edits:
    """Return edits of so many units in every layer, as many of each kind, that hardly change the text."""
    values = {"scale": 1 + 2**-7, "add": 2**-10}  # bfloat16 holds them exactly, as it does 0 and 1.5
    share = -(-units // len(kinds))
    return tuple(
        Edit(
            site=SITE,
            layer=layer,
            units=tuple(range(number * share, (number + 1) * share)),
            op=op,
            value=values.get(op, 0.0),
            schedule=schedule,
        )
        for layer in range(card.layers)
        for number, op in enumerate(kinds)
    )


def timed_turn(runtime: TorchRuntime, case: Case) -> TokenTimes:
    """Hold one turn and give the times of its tokens."""
    watch = Stopwatch()
    sink = MarkedSink(_Silence(), watch, watch)
    sampling = Sampling(max_new_tokens=case.tokens)
    with watch.on_hooks_of("llmri_server"):
        runtime.generate([{"role": "user", "content": case.prompt}], sampling, sink, threading.Event())
    return sink.times


class _Silence:
    """A sink that nobody listens to."""

    def token(self, event: TokenEvent) -> None:
        """Take a token."""

    def scan(self, event: ScanEvent) -> None:
        """Take a scan."""


def findings(case: Case, runs: Runs[TokenTimes]) -> Findings:
    """Work out the table."""
    hooks = per_round(runs, lambda times: times.hooks)
    tokens = per_round(runs, lambda times: times.token)
    shares = per_round(runs, lambda times: times.hooks / times.token)
    calls = runs[MANY_ONE_OP][0][0].calls
    return Findings(
        rows=(
            Row(f"in hooks, {MANY_ONE_OP} / {ONE_OP}", ratio(hooks[MANY_ONE_OP], hooks[ONE_OP]), Gate(1.5)),
            Row(
                f"in hooks, {MANY_ALL_OPS} / {ALL_OPS}", ratio(hooks[MANY_ALL_OPS], hooks[ALL_OPS]), Gate(1.5)
            ),
            Row(f"in hooks, {MANY_ONE_OP}, of a token", spread(shares[MANY_ONE_OP]), case.share, percent),
            Row(f"in hooks, {MANY_ALL_OPS}, of a token", spread(shares[MANY_ALL_OPS]), write=percent),
            Row(f"in hooks, {CLEARED} / {CAPTURE}", ratio(hooks[CLEARED], hooks[CAPTURE]), Gate(1.03)),
            *(
                Row(f"in hooks a token, {name}", spread(hooks[name]), write=microseconds)
                for name in (NONE, WAITING, ONE_OP, MANY_ONE_OP, ALL_OPS, MANY_ALL_OPS, CAPTURE)
            ),
            Row("a token without edits", spread(tokens[NONE]), write=milliseconds),
            Row(f"a token's time, {MANY_ONE_OP} / {NONE}", ratio(tokens[MANY_ONE_OP], tokens[NONE])),
            Row(f"the same, {NONE_AGAIN} / {NONE} (control)", ratio(tokens[NONE_AGAIN], tokens[NONE])),
        ),
        notes=(
            f"A run is a turn of up to {case.tokens} tokens; the first pays for the prompt and for making "
            f"the edits' tensors, and is left out. Many units are {case.many} of `{SITE}` in every layer.",
            f"The stopwatch adds {microseconds(calls * own_cost())} to the edits' time a token, for "
            f"{calls:.0f} calls; it is left in.",
        ),
    )
