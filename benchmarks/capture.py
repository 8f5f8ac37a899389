"""What capturing costs the model's thread, beside other ways to do it.

A real server, a viewer in another process that takes every layer at `resid_post`, and whole turns, in which
the clocks are read at every generated token. Contestants take turns, LLMRI among them; while a rival's hooks
are in the model, LLMRI's capture is off, and its server and viewer stay.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.models import llama_16_by_2048, pocket
from benchmarks.pairs import Rounds, Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, microseconds, milliseconds, percent
from benchmarks.rivals import Rival, copy_into_buffer, hex_in_json, installed, numbers_in_json
from benchmarks.runs import Advance, Findings, Track, run
from benchmarks.served import Served, served
from benchmarks.stopwatch import Stopwatch, own_cost
from benchmarks.timed_runtime import TokenTimes
from benchmarks.viewers import viewers
from llmri_server.runtime import CapturePlan, ScanEvent
from llmri_server.torch_runtime import TorchRuntime

OURS, OFF, OFF_AGAIN = "LLMRI", "off", "off again"
RIVALS: Mapping[str, Rival] = {
    "one `copy_` a layer": copy_into_buffer,
    "hex in JSON": hex_in_json,
    "`.tolist()` in JSON": numbers_in_json,
}


@dataclass(frozen=True)
class Case:
    """A model to measure on, how long, and the gates.

    `rivals` holds the gates of LLMRI's time over each rival's.
    """

    title: str
    model: Callable[[], TorchRuntime]
    prompt: str
    tokens: int
    rounds: int
    share: Gate
    rivals: Mapping[str, Gate]


CASES = (
    Case(
        title="Capture, Llama of 16 layers x 2048 in bfloat16",
        model=llama_16_by_2048,
        prompt="1 2 3 4",
        tokens=10,
        rounds=7,
        share=Gate(0.005),
        rivals=dict(zip(RIVALS, (Gate(0.6), Gate(1 / 5), Gate(1 / 25)), strict=True)),
    ),
    Case(
        title="Capture, pocket",
        model=pocket,
        prompt="Tell me a story.",
        tokens=100,
        rounds=8,
        share=Gate(0.025),
        rivals={},
    ),
)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure every case; `rounds` replaces their own numbers of rounds."""
    for case in CASES:
        yield measure(case, track, rounds or case.rounds)


def measure(case: Case, track: Track, rounds: int) -> Section:
    """Measure one case."""
    with served(case.model(), case.prompt, case.tokens) as here, viewers(here.server.address, 1) as watching:
        plans = here.runtime.plans
        watching[0].tell("read")
        watching[0].tell("subscribe")
        here.await_plans(plans + 1)
        contestants = contestants_of(here)
        for warm_up in contestants.values():
            warm_up()

        def take_turns(advance: Advance) -> Runs[TokenTimes]:
            return interleave(contestants, rounds, advance)

        section = run(
            case.title, 2 * rounds * len(contestants), take_turns, lambda runs: findings(case, runs), track
        )
        read, dropped = watching[0].report()
        note = f"The viewer read {read:,} scans meanwhile and lost {dropped:,}."
        return section.with_note(note)


def contestants_of(here: Served) -> dict[str, Callable[[], TokenTimes]]:
    """Return what takes turns: LLMRI's capture, each rival's, and twice none."""
    runtime = here.runtime
    blocks = list(runtime.inner.model.get_submodule("model.layers").children())

    def with_plan(plan: CapturePlan) -> TokenTimes:
        runtime.inner.capture(plan)
        runtime.read = runtime.hooks
        return here.turn()

    def hand_over(event: ScanEvent) -> None:
        runtime.last_turn.scan(event)

    def with_rival(rival: Rival) -> TokenTimes:
        runtime.inner.capture(CapturePlan())
        runtime.read = Stopwatch()
        hooks = rival(runtime.card, hand_over)
        with installed(hooks, blocks, runtime.read):
            return here.turn()

    def rival_turn(rival: Rival) -> Callable[[], TokenTimes]:
        return lambda: with_rival(rival)

    return {
        OURS: lambda: with_plan(runtime.plan),
        **{name: rival_turn(rival) for name, rival in RIVALS.items()},
        OFF: lambda: with_plan(CapturePlan()),
        OFF_AGAIN: lambda: with_plan(CapturePlan()),
    }


def findings(case: Case, runs: Runs[TokenTimes]) -> Findings:
    """Work out the table."""
    hooks = per_round(runs, lambda times: times.hooks)
    tokens = per_round(runs, lambda times: times.token)
    shares = per_round(runs, lambda times: times.hooks / times.token)
    calls = runs[OURS][0][0].calls
    return Findings(
        rows=(
            Row("LLMRI's hooks and hand-over, of a token's time", spread(shares[OURS]), case.share, percent),
            *_rival_rows(case, hooks),
            Row("LLMRI's hooks and hand-over a token", spread(hooks[OURS]), write=microseconds),
            *(Row(f"{name}, a token", spread(hooks[name]), write=microseconds) for name in RIVALS),
            Row("a token with LLMRI's capture", spread(tokens[OURS]), write=milliseconds),
            Row("a token's wall-clock time, capture on / off", ratio(tokens[OURS], tokens[OFF])),
            Row("the same, off / off (control)", ratio(tokens[OFF_AGAIN], tokens[OFF])),
        ),
        notes=(
            f"A run is a turn of up to {case.tokens} tokens; the first pays for the prompt and is left out.",
            f"The stopwatch adds {microseconds(calls * own_cost())} to LLMRI's time a token, for {calls:.0f} "
            "calls; it is left in.",
        ),
    )


def _rival_rows(case: Case, hooks: Rounds) -> list[Row]:
    return [Row(f"LLMRI / {name}", ratio(hooks[OURS], hooks[name]), case.rivals.get(name)) for name in RIVALS]
