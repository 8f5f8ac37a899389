"""Every turn of a conversation is that of a fresh model given all of it, whatever state the model has."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime import Options, load
from llmri_server.runtime import CapturePlan, ChatMessage, Runtime, Sampling, TokenEvent, TurnOutcome
from llmri_server.torch_runtime import assemble
from tests.recurrent_models import RECURRENT, mamba_gguf, word_tokenizer
from tests.server.torch_runtime.tiny_models import SPECIALS, Listener, assistant, tiny_model, user

TOKENS = 6
SAID = ("ambncodp", "erfsgthmamcn", "dobpcqamerdn")
KINDS = (*(f"torch {kind}" for kind in RECURRENT), "llama.cpp mamba")
EVERY = "resid_post"  # which all of them have


def made(kind: str, folder: Path) -> Runtime:
    engine, family = kind.split()
    if engine == "torch":
        model = tiny_model(family, torch.float32, **RECURRENT[family])
        runtime = assemble(model, word_tokenizer(), name=family)
        model.generation_config.eos_token_id = None
        model.generation_config.suppress_tokens = list(range(len(SPECIALS)))  # no part of a text
        return runtime
    path = folder / f"{family}.gguf"
    loaded = load(path if path.exists() else mamba_gguf(path), Options(threads=1))
    loaded.vocabulary.ends = frozenset()
    return loaded


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Runtime]:
    return lambda kind: made(kind, tmp_path)


def say(runtime: Runtime, conversation: Sequence[ChatMessage]) -> tuple[TurnOutcome, Listener]:
    runtime.capture(CapturePlan(((EVERY, tuple(range(runtime.card.layers))),)))
    heard = Listener()
    return runtime.generate(conversation, Sampling(max_new_tokens=TOKENS), heard, threading.Event()), heard


def assert_same_turn(given: Listener, expected: Listener) -> None:
    """Compare what was chosen, and the scans of the positions that both computed."""
    ours, theirs = generated(given), generated(expected)
    assert [token.id for token in ours] == [token.id for token in theirs]
    for token, same in zip(ours, theirs, strict=True):
        assert token.logprob == pytest.approx(same.logprob, abs=2e-5)
    assert len(given.scans) <= len(expected.scans)
    for one, other in zip(reversed(given.scans), reversed(expected.scans), strict=False):
        given_rows, expected_rows = one.rows.astype(np.float32), other.rows.astype(np.float32)
        np.testing.assert_allclose(given_rows, expected_rows, atol=1e-4 * float(np.abs(expected_rows).max()))


def generated(heard: Listener) -> list[TokenEvent]:
    return [token for token in heard.tokens if token.phase == "generate"]


def prompt_tokens(heard: Listener) -> int:
    return sum(token.phase == "prompt" for token in heard.tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_later_turns_are_those_of_a_fresh_model(kind: str, make: Callable[[str], Runtime]) -> None:
    runtime = make(kind)
    conversation: list[ChatMessage] = []
    for words in SAID:
        conversation.append(user(words))
        outcome, heard = say(runtime, conversation)
        assert_same_turn(heard, anew(make, kind, conversation))
        assert runtime.context()[-1] == [token.id for token in heard.tokens][-2]
        conversation.append(assistant(outcome.text))
        runtime.measure(runtime.context()[:3], [[]])  # what is measured between turns leaves them alone


def anew(make: Callable[[str], Runtime], kind: str, conversation: Sequence[ChatMessage]) -> Listener:
    return say(make(kind), conversation)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_that_turns_back_is_that_of_a_fresh_model(
    kind: str, make: Callable[[str], Runtime]
) -> None:
    """What was said last is said otherwise: the state has to be cut back, by much, by little, or by one."""
    runtime = make(kind)
    outcome, _ = say(runtime, [user(SAID[0])])
    for kept in (len(outcome.text) - 4, len(outcome.text) - 2, 2):
        said = [user(SAID[0]), assistant(outcome.text[:kept] + "aoap"), user(SAID[1])]
        assert_same_turn(say(runtime, said)[1], anew(make, kind, said))


@pytest.mark.parametrize(
    ("kind", "again"),
    [("torch jamba", True), ("torch recurrent_gemma", True), ("torch minimax", True)]
    + [(f"torch {kind}", False) for kind in ("bamba", "lfm2", "gemma2", "llama")]
    + [("llama.cpp mamba", False)],
)
def test_nothing_is_kept_where_the_state_does_not_go_on_and_that_is_said(
    kind: str, again: bool, make: Callable[[str], Runtime], caplog: pytest.LogCaptureFixture
) -> None:
    runtime = make(kind)
    assert ("nothing is kept between turns" in caplog.text) == again
    first, heard = say(runtime, [user(SAID[0])])
    length = prompt_tokens(heard)
    runtime.apply_edits([Edit(site=EVERY, layer=0, units=(1,), value=0.0)])
    assert runtime.stale() != again  # what is computed anew anyway is never stale
    assert runtime.refill() == (0 if again else len(runtime.context()))
    runtime.apply_edits([])
    runtime.refill()
    second, heard = say(runtime, [user(SAID[0]), assistant(first.text), user(SAID[1])])
    assert (first.anew, second.anew) == (False, again)
    assert (prompt_tokens(heard) > length + TOKENS) == again


@pytest.mark.parametrize("kind", ["torch recurrent_gemma", "torch minimax", "torch jamba", "llama.cpp mamba"])
def test_edits_find_the_reply_of_a_state_that_counts_no_positions(
    kind: str, make: Callable[[str], Runtime]
) -> None:
    """An edit of `generated` positions is one of all positions behind the prompt."""
    runtime = make(kind)
    prompt = len(runtime.prompt_ids([user(SAID[0])]))
    told = []
    for edit in ({"positions": "generated"}, {"since": prompt}, {}):
        runtime.apply_edits([Edit(site=EVERY, layer=0, units=tuple(range(16)), value=0.0, **edit)])
        told.append([token.logprob for token in say(runtime, [user(SAID[0])])[1].tokens])
    assert told[0] == told[1] != told[2]


def test_measuring_a_baseline_in_the_middle_of_a_reply_leaves_the_state_in_the_modules(
    make: Callable[[str], Runtime],
) -> None:
    plain = say(make("torch recurrent_gemma"), [user(SAID[0])])[1]
    runtime = make("torch recurrent_gemma")
    far = Edit(site=EVERY, layer=0, units=(1,), op="mean", since=100)  # acts nowhere, and needs a pass

    class Editing(Listener):
        def token(self, event: TokenEvent) -> None:
            super().token(event)
            if event.phase == "generate":
                runtime.apply_edits([far])

    heard = Editing()
    runtime.generate([user(SAID[0])], Sampling(max_new_tokens=TOKENS), heard, threading.Event())
    assert heard.tokens == plain.tokens
