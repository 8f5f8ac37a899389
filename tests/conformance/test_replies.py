"""Edits while a reply is generated, against edits by hand; and what replies leave behind."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from llmri_protocol.messages import Edit, Schedule
from llmri_server.runtime import CapturePlan, ChatMessage, NonFiniteError, Sampling, TokenEvent, TurnOutcome
from tests.conformance.cases import OPERATIONS, edit, editable
from tests.conformance.under_test import RuntimeUnderTest
from tests.server.torch_runtime.tiny_models import Listener, assistant, user

TOKENS = 6
CONVERSATION = [user("the cat")]
UNSAMPLED = ("scale", "add", "set", "steer")
CONDITIONS: tuple[dict[str, Any], ...] = (
    {},
    {"positions": "prompt"},
    {"positions": "generated"},
    {"positions": "last"},
    {"since": 9, "special": False},
    {"positions": (1, 8, 10)},
    {"schedule": Schedule(first=1, tokens=4, ramp=3)},
    {"positions": "generated", "since": 8, "schedule": Schedule(first=0, tokens=2)},
)


def generate(
    subject: RuntimeUnderTest, conversation: Sequence[ChatMessage] = CONVERSATION, tokens: int = TOKENS
) -> tuple[TurnOutcome, Listener]:
    heard = Listener()
    settings = Sampling(max_new_tokens=tokens)
    return subject.runtime.generate(conversation, settings, heard, threading.Event()), heard


def replay(subject: RuntimeUnderTest, edits: Sequence[Edit]) -> Listener:
    heard = Listener()
    settings = Sampling(max_new_tokens=TOKENS)
    subject.runtime.replay(CONVERSATION, settings, heard, threading.Event(), edits)
    return heard


def assert_same_reply(subject: RuntimeUnderTest, heard: Listener, edits: Sequence[Edit]) -> None:
    prompt = subject.runtime.prompt_ids(CONVERSATION)
    expected = subject.reference.reply(prompt, edits, TOKENS)
    said = [token for token in heard.tokens if token.phase == "generate"]
    assert [token.id for token in said] == [token for token, _ in expected]
    for token, (_, logprobs) in zip(said, expected, strict=True):
        assert subject.same([token.logprob or 0], [logprobs[token.id]])
        there = [candidate.id for candidate in token.top]
        assert subject.same([candidate.logprob for candidate in token.top], logprobs[there])


def edits_under(subject: RuntimeUnderTest, ops: Sequence[str], *numbers: int) -> list[Edit]:
    """Return an edit of every site in one of two layers, under the conditions of these numbers in turn."""
    return [
        edit(site, count % 2, ops[count % len(ops)], count, **CONDITIONS[numbers[count % len(numbers)]])
        for count, site in enumerate(editable(subject.runtime.card))
    ]


@pytest.mark.parametrize("number", range(len(CONDITIONS)))
def test_every_step_of_a_reply_is_edited_as_by_hand(one_engine: RuntimeUnderTest, number: int) -> None:
    edits = edits_under(one_engine, OPERATIONS[number % 3 :] + OPERATIONS[: number % 3], number)
    one_engine.runtime.check_edits(edits)
    one_engine.runtime.apply_edits(edits)
    assert_same_reply(one_engine, generate(one_engine)[1], edits)


def test_every_family_speaks_as_edited_by_hand(any_engine: RuntimeUnderTest) -> None:
    for numbers in (range(len(CONDITIONS)), (3, 7, 6, 4)):
        edits = edits_under(any_engine, OPERATIONS, *numbers)
        any_engine.runtime.apply_edits(edits)
        assert_same_reply(any_engine, generate(any_engine)[1], edits)


def test_a_replay_feels_its_own_edits_alone_and_leaves_all_else(any_engine: RuntimeUnderTest) -> None:
    runtime = any_engine.runtime
    standing, *others = (
        edit(site, 1, op, positions="generated")
        for site, op in zip(editable(runtime.card), OPERATIONS, strict=False)
    )
    runtime.apply_edits([standing])
    runtime.capture(CapturePlan((("resid_post", (1,)),)))
    outcome, _ = generate(any_engine)
    kept = runtime.context()
    heard = replay(any_engine, others)
    assert_same_reply(any_engine, heard, others)
    assert heard.scans == []
    assert_same_reply(any_engine, replay(any_engine, []), [])
    assert (runtime.context(), runtime.stale()) == (kept, False)
    again, heard = generate(any_engine)
    assert again == outcome
    assert heard.scans
    assert_same_reply(any_engine, heard, [standing])


def test_without_edits_a_model_speaks_as_if_it_never_had_any(any_engine: RuntimeUnderTest) -> None:
    _, before = generate(any_engine)
    for site in editable(any_engine.runtime.card):
        any_engine.runtime.apply_edits([edit(site, layer, "set") for layer in (0, 2)])
        assert generate(any_engine)[1].tokens != before.tokens
    any_engine.runtime.apply_edits([])
    assert generate(any_engine)[1].tokens == before.tokens


def test_the_kept_context_is_what_was_computed(any_engine: RuntimeUnderTest) -> None:
    _, heard = generate(any_engine)
    assert any_engine.runtime.context() == tuple(token.id for token in heard.tokens[:-1])


@pytest.mark.parametrize("number", range(len(CONDITIONS)))
def test_after_a_refill_the_next_turn_is_that_of_a_fresh_run(
    one_engine: RuntimeUnderTest, number: int
) -> None:
    assert_refilled(one_engine, edits_under(one_engine, UNSAMPLED, number))


def test_every_family_can_be_refilled(any_engine: RuntimeUnderTest) -> None:
    assert_refilled(any_engine, edits_under(any_engine, UNSAMPLED, 0, 4, 5))


def assert_refilled(subject: RuntimeUnderTest, edits: Sequence[Edit]) -> None:
    """Edit after a turn, refill, and hold the next turn against one that had the edits from the start."""
    runtime = subject.runtime
    outcome, _ = generate(subject)
    runtime.apply_edits(edits)
    assert runtime.stale()
    kept = runtime.context()
    assert runtime.refill() == len(kept)
    assert (runtime.context(), runtime.stale()) == (kept, False)
    conversation = [*CONVERSATION, assistant(outcome.text), user("sat")]
    fresh = Listener()
    runtime.replay(conversation, Sampling(max_new_tokens=TOKENS), fresh, threading.Event(), edits)
    given, expected = first_chosen(generate(subject, conversation)[1]), first_chosen(fresh)
    roundings = 0.2 if runtime.card.dtype == "bf16" else 1e-5  # in another order: two passes for one
    assert given.logprob == pytest.approx(expected.logprob, abs=max(subject.tolerance, roundings))
    np.testing.assert_allclose(
        [candidate.logprob for candidate in given.top],
        [candidate.logprob for candidate in expected.top],
        atol=max(subject.tolerance, roundings),
    )


def first_chosen(heard: Listener) -> TokenEvent:
    return next(token for token in heard.tokens if token.phase == "generate")


def test_the_context_is_stale_only_where_other_edits_could_have_reached_it(
    one_engine: RuntimeUnderTest,
) -> None:
    runtime = one_engine.runtime
    last = runtime.card.layers - 1

    def stale(*edits: Edit) -> bool:
        runtime.apply_edits(edits)
        return runtime.stale()

    here = Edit(site="mlp_act", layer=0, units=(1, 2), value=0.0)
    generate(one_engine)
    assert not stale()
    runtime.apply_edits([here])
    generate(one_engine)
    length = len(runtime.context())
    assert not stale(here)
    assert not stale(Edit(site="mlp_act", layer=0, units=(1,)), Edit(site="mlp_act", layer=0, units=(2,)))
    assert stale()
    assert stale(Edit(site="mlp_act", layer=0, units=(1,)))
    assert stale(here, Edit(site="resid_post", layer=1, units=(1,), since=length - 1))
    assert not stale(here, Edit(site="resid_post", layer=1, units=(1,), since=length))
    assert not stale(here, Edit(site="resid_post", layer=1, units=(1,), positions=(length,)))
    assert not stale(here, Edit(site="resid_post", layer=last, units=(1,)))  # behind all keys and values
    assert stale(here, Edit(site="resid_pre", layer=last, units=(1,)))


def test_edits_that_change_in_the_middle_of_a_turn_leave_a_mixed_context(
    one_engine: RuntimeUnderTest,
) -> None:
    runtime = one_engine.runtime
    first = Edit(site="mlp_act", layer=0, units=(1,), value=0.0)
    second = Edit(site="mlp_act", layer=0, units=(2,), value=0.0)

    class Editor(Listener):
        def token(self, event: object) -> None:
            super().token(event)  # type: ignore[arg-type]
            if len([token for token in self.tokens if token.phase == "generate"]) == 3:
                since = len(runtime.context())
                runtime.apply_edits(
                    [first, Edit(site="mlp_act", layer=0, units=(2,), value=0.0, since=since)]
                )

    runtime.apply_edits([first])
    runtime.generate(CONVERSATION, Sampling(max_new_tokens=TOKENS), Editor(), threading.Event())
    assert not runtime.stale()  # the second edit names positions that were computed after it was made
    runtime.apply_edits([first, second])
    assert runtime.stale()
    runtime.apply_edits([first])
    assert runtime.stale()
    runtime.refill()
    assert not runtime.stale()


def test_an_edit_that_breaks_the_numbers_ends_its_turn_by_name_and_the_next_turn_works(
    any_engine: RuntimeUnderTest,
) -> None:
    runtime = any_engine.runtime
    _, before = generate(any_engine)
    fine = Edit(site="resid_post", layer=0, units=(3,), op="add", value=100.0)
    worst = Edit(site="resid_post", layer=1, units=tuple(range(8)), op="scale", value=3e38)
    edits = [fine, worst, fine]
    named = r"edit 2 of 3 \(`resid_post`, layer 1, scale 3e\+38\) made .* infinite or not a number"
    runtime.apply_edits(edits)
    with pytest.raises(NonFiniteError, match=named):
        generate(any_engine)
    assert runtime.context() == ()
    with pytest.raises(NonFiniteError, match=named):
        replay(any_engine, edits)
    with pytest.raises(NonFiniteError, match=named):
        runtime.measure(runtime.prompt_ids(CONVERSATION), [[], edits])
    runtime.apply_edits([])
    assert generate(any_engine)[1].tokens == before.tokens


def test_a_refill_that_breaks_the_numbers_keeps_what_there_was(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    generate(one_engine)
    kept = runtime.context()
    runtime.apply_edits(
        [
            Edit(site="resid_post", layer=1, units=(3,), op="add", value=3e38),
            Edit(site="resid_post", layer=2, units=(3,), value=3e38),
        ]
    )
    with pytest.raises(NonFiniteError, match="edit 2 of 2"):
        runtime.refill()
    assert (runtime.context(), runtime.stale()) == (kept, True)


def test_means_over_the_conversation_are_those_of_an_unedited_reading(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    card = runtime.card
    ids = runtime.prompt_ids(CONVERSATION)
    plain = runtime.measure(ids, [[]], sites=(("mlp_act", (1,)),)).rows["mlp_act"][0, :, 0]
    edits = [
        Edit(site="resid_post", layer=0, units=(3,), value=-2.0),
        Edit(site="mlp_act", layer=1, units=(1, 5), op="mean", baseline="conversation"),
    ]
    runtime.apply_edits(edits)
    runtime.capture(CapturePlan((("mlp_act", (1,)),)))
    _, heard = generate(one_engine)
    ordinary = [number for number, token in enumerate(ids) if not runtime.text_of(token).startswith("<|")]
    expected = plain[ordinary].astype(np.float64).mean(axis=0)[[1, 5]]
    for scan in heard.scans:
        given: npt.NDArray[Any] = scan.rows[0, [1, 5]]
        if card.dtype == "bf16":
            given = (given.astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_allclose(given, expected, rtol=5e-3 if card.dtype == "bf16" else 1e-6)
