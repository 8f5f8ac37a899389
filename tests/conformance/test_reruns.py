"""Scans computed again, run by run, equal those of the conversation, whatever was edited in between."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from llmri_protocol.messages import Edit, Schedule
from llmri_server.pass_runs import Runs
from llmri_server.runtime import (
    CapturePlan,
    ChatMessage,
    LensRuntime,
    Rerun,
    Runtime,
    Sampling,
    ScanEvent,
    StoppedError,
    TokenEvent,
    TurnOutcome,
)
from tests.conformance.under_test import RuntimeUnderTest
from tests.server.torch_runtime.tiny_models import assistant, user

TOKENS = 6
SITE, LAYERS = "resid_post", (0, 1)
EVERY: tuple[Edit, ...] = (
    Edit(site="resid_post", layer=0, units=(1, 2), value=0.0),
    Edit(site="mlp_act", layer=1, units=(3,), op="add", value=1.5),
)


def unit(**more: Any) -> Edit:
    return Edit(site="resid_post", layer=0, units=(1, 2), **more)


def neurons(**more: Any) -> Edit:
    return Edit(site="mlp_act", layer=0, units=(0, 5), **more)


KINDS: Mapping[str, tuple[Edit, ...]] = {
    "scale": EVERY,
    "last": (unit(value=4.0, positions="last"),),
    "generated": (unit(op="set", value=2.0, positions="generated"),),
    "prompt": (unit(op="set", value=2.0, positions="prompt"),),
    "since": (unit(value=5.0, since=9),),
    "schedule": (unit(op="add", value=3.0, schedule=Schedule(first=1, tokens=3)),),
    "mean": (neurons(op="mean", baseline="conversation"),),
    "calibration": (neurons(op="mean", baseline="calibration"),),
    "resample": (neurons(op="resample", seed=4),),
    "special": (unit(value=3.0, special=False),),
}


@dataclass
class Heard:
    """Hears a turn, and changes the edits at some of its tokens."""

    change: Callable[[int], None] = lambda _: None
    tokens: list[TokenEvent] = field(default_factory=list)
    scans: list[ScanEvent] = field(default_factory=list)

    def token(self, event: TokenEvent) -> None:
        self.tokens.append(event)
        if event.phase == "generate":
            self.change(sum(token.phase == "generate" for token in self.tokens))

    def scan(self, event: ScanEvent) -> None:
        self.scans.append(event)


class Talk:
    """A conversation, with what each turn left: its tokens, its runs, and where its first token stands."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.said: list[ChatMessage] = []
        self.turns: list[tuple[Heard, tuple[int, ...], Runs, int]] = []
        runtime.capture(CapturePlan(((SITE, LAYERS),), prompt_positions=1000))

    def say(self, text: str, change: Callable[[int], None] = lambda _: None) -> TurnOutcome:
        self.said.append(user(text))
        heard = Heard(change)
        outcome = self.runtime.generate(self.said, Sampling(max_new_tokens=TOKENS), heard, threading.Event())
        ids = (*self.runtime.context(), heard.tokens[-1].id)
        read = sum(token.phase == "prompt" for token in heard.tokens)
        prompt = len(ids) - sum(token.phase == "generate" for token in heard.tokens)
        self.turns.append((heard, ids, self.runtime.passes(), prompt - read))
        self.said.append(assistant(outcome.text))
        return outcome

    def assert_replayed(self, number: int, site: str = SITE) -> None:
        """Compare the scans of a turn with those computed again."""
        heard, ids, runs, start = self.turns[number]
        again: list[ScanEvent] = []
        self.runtime.rerun(
            Rerun(ids[: runs[-1].stop], runs, ((site, LAYERS),), start, again.append, threading.Event())
        )
        live = [scan for scan in heard.scans if scan.site == site]
        assert [scan.number + start for scan in live] == [scan.number for scan in again]
        assert [scan.phase for scan in live] == [scan.phase for scan in again]
        assert [scan.revision for scan in live] == [scan.revision for scan in again]
        assert [scan.dtype for scan in live] == [scan.dtype for scan in again]
        scale = max(float(np.abs(numbers(scan)).max()) for scan in live)
        for one, other in zip(live, again, strict=True):
            tolerance = 2e-2 if one.dtype == "bf16" else 2e-5
            np.testing.assert_allclose(numbers(one), numbers(other), atol=tolerance * scale)


def numbers(scan: ScanEvent) -> npt.NDArray[np.float32]:
    if scan.dtype == "bf16":
        return (scan.rows.astype(np.uint32) << 16).view(np.float32)
    return scan.rows.astype(np.float32)


def at(changes: Mapping[int, tuple[Sequence[Edit], int]], runtime: Runtime) -> Callable[[int], None]:
    """Return what puts edits in force after so many tokens of a reply."""

    def change(number: int) -> None:
        if number in changes:
            runtime.apply_edits(*changes[number])

    return change


@pytest.mark.parametrize("kind", KINDS)
def test_each_position_is_computed_under_the_edits_that_stood_then(
    one_engine: RuntimeUnderTest, kind: str
) -> None:
    runtime = one_engine.runtime
    talk = Talk(runtime)
    runtime.apply_edits((), 1)
    talk.say("mnbodpcaerf", at({2: (KINDS[kind], 2), 4: (EVERY[:1], 3)}, runtime))
    runtime.apply_edits(KINDS[kind], 4)
    talk.say("gthmamcn")
    runtime.apply_edits((), 5)
    talk.say("dobpcq", at({3: (KINDS[kind], 6)}, runtime))
    for number in range(3):
        talk.assert_replayed(number)
    talk.say("ambncodp")  # what was computed again left the conversation alone
    talk.assert_replayed(3)


def test_revisions_are_those_of_the_passes(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    talk = Talk(runtime)
    runtime.apply_edits((), 7)
    talk.say("mnbodpcaerf", at({2: (EVERY, 8), 3: ((), 9)}, runtime))
    heard = talk.turns[0][0]
    chosen = [token.revision for token in heard.tokens if token.phase == "generate"]
    assert chosen == [7, 7, 8, 9, 9, 9]  # the pass that chose the third token was the first under 8
    assert {token.revision for token in heard.tokens if token.phase == "prompt"} == {None}
    assert [scan.revision for scan in heard.scans if scan.phase == "generate"] == [7, 8, 9, 9, 9]


def test_a_cache_that_was_computed_anew_counts_from_then_on(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    talk = Talk(runtime)
    runtime.apply_edits(EVERY, 1)
    talk.say("mnbodpcaerf")
    runtime.apply_edits((), 2)
    assert runtime.refill() > 0
    talk.say("gthmamcn")
    talk.assert_replayed(0)
    talk.assert_replayed(1)


def test_sites_that_nobody_watched_are_those_of_a_talk_that_was_watched(
    one_engine: RuntimeUnderTest,
) -> None:
    runtime = one_engine.runtime
    talk = Talk(runtime)
    runtime.capture(CapturePlan(((SITE, LAYERS), ("mlp_act", LAYERS)), prompt_positions=1000))
    runtime.apply_edits(EVERY, 3)
    talk.say("mnbodpcaerf")
    talk.assert_replayed(0, "mlp_act")


def test_it_ends_when_it_is_stopped(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    talk = Talk(runtime)
    talk.say("mnbodpcaerf")
    _, ids, runs, _ = talk.turns[0]
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        runtime.rerun(Rerun(ids[: runs[-1].stop], runs, ((SITE, LAYERS),), 0, lambda _: None, stop))


def test_logits_of_all_positions_are_those_of_one_pass(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    talk = Talk(runtime)
    talk.say("mnbodpcaerf")
    _, ids, runs, _ = talk.turns[0]
    ids = ids[: runs[-1].stop]
    found: dict[int, npt.NDArray[np.float32]] = {}

    def take(first: int, rows: npt.NDArray[np.float32]) -> None:
        found.update({first + number: row.copy() for number, row in enumerate(rows)})

    runtime.rerun(Rerun(ids, runs, (), len(ids), lambda _: None, threading.Event(), take, len(ids)))
    expected = runtime.measure(ids, [[]], logits=len(ids)).logits[0]
    given = np.array([found[number] for number in range(len(ids))])
    tolerance = 5e-2 if runtime.card.dtype == "bf16" else 2e-4
    np.testing.assert_allclose(given, expected, atol=tolerance * float(np.abs(expected).max()))


def test_a_span_of_the_lens_is_that_of_each_position(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    assert isinstance(runtime, LensRuntime)
    ids = runtime.text_ids("mnbodpcaerfgthmamcn")
    found = list(runtime.lenses(ids, 3, EVERY))
    assert len(found) == len(ids) - 3
    scale = float(np.abs(found).max())
    tolerance = 5e-2 if runtime.card.dtype == "bf16" else 1e-4
    for position, given in enumerate(found, 3):
        expected = runtime.lens(ids[: position + 1], EVERY, prompt=len(ids))
        np.testing.assert_allclose(given, expected, atol=tolerance * scale)
