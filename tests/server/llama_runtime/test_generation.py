"""Turns: what is said, in which order it is told, how they end, and what is kept."""

import threading
from pathlib import Path

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime import LlamaRuntime, Options, load
from llmri_server.runtime import CapturePlan, NonFiniteError, Sampling
from llmri_server.torch_runtime import TorchRuntime
from tests.server.llama_runtime.turns import Generate
from tests.server.torch_runtime.tiny_models import Listener, assistant, system, user

QUESTIONS = ("What is the capital of France?", "Count from 3 to 9.", "Say hello in French.")


@pytest.mark.parametrize("question", QUESTIONS)
def test_pocket_says_what_it_says_in_pytorch(
    pocket: LlamaRuntime, torch_pocket: TorchRuntime, generate: Generate, question: str
) -> None:
    ours, theirs = (generate(runtime, question, max_new_tokens=40) for runtime in (pocket, torch_pocket))
    assert ours.outcome == theirs.outcome
    assert ours.outcome.reason == "end"
    for token, other in zip(ours.listener.tokens, theirs.listener.tokens, strict=True):
        assert (token.number, token.phase, token.id, token.text) == (
            other.number,
            other.phase,
            other.id,
            other.text,
        )
        if token.phase == "generate":
            assert token.logprob == pytest.approx(other.logprob, abs=0.02)
            assert token.entropy == pytest.approx(other.entropy, abs=0.02)
            assert [candidate.id for candidate in token.top[:2]] == [c.id for c in other.top[:2]]


def test_a_conversation_goes_on_and_computes_new_positions_only(
    pocket: LlamaRuntime, torch_pocket: TorchRuntime, generate: Generate
) -> None:
    turns = []
    for runtime in (pocket, torch_pocket):
        first = generate(runtime, QUESTIONS[0], max_new_tokens=40)
        said = [user(QUESTIONS[0]), assistant(first.outcome.text), user("And of Italy?")]
        turns.append(generate(runtime, said, max_new_tokens=40))
        kept = runtime.context()
        assert runtime.prompt_ids(said) == kept[: len(runtime.prompt_ids(said))]
    ours, theirs = turns
    assert ours.outcome == theirs.outcome
    numbers = [token.number for token in ours.listener.tokens]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) < len(pocket.context())
    assert [t.id for t in ours.listener.tokens] == [t.id for t in theirs.listener.tokens]


def test_prompts_and_texts_have_the_tokens_of_the_original(
    pocket: LlamaRuntime, torch_pocket: TorchRuntime
) -> None:
    conversation = [system("Be brief."), user("Hello, 42 cafés! 😀"), assistant("Yes."), user("Why?")]
    assert pocket.prompt_ids(conversation) == torch_pocket.prompt_ids(conversation)
    for text in ("", "a tiger", " two  spaces\n", "<|user|>hi<|end|>", "naïve 日本語"):
        assert pocket.text_ids(text) == torch_pocket.text_ids(text)
    for token in range(pocket.card.vocabulary):
        assert pocket.text_of(token) == torch_pocket.text_of(token)


def test_a_character_of_many_tokens_is_told_when_it_is_whole(pocket: LlamaRuntime) -> None:
    text = pocket.vocabulary.start()
    told = [text.add(token) for token in pocket.text_ids("é😀x")]
    assert "".join(told) == "é😀x"
    assert "\ufffd" not in "".join(told)
    assert "" in told


def test_a_seed_repeats_and_another_one_says_something_else(
    runtime: LlamaRuntime, generate: Generate
) -> None:
    said = [
        [token.id for token in generate(runtime, "the cat", temperature=1.5, seed=seed).listener.tokens]
        for seed in (1, 1, 2, 2**40)
    ]
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_one_candidate_is_the_likeliest(runtime: LlamaRuntime, generate: Generate) -> None:
    greedy = generate(runtime, "the cat").listener.tokens
    assert generate(runtime, "the cat", temperature=3.0, top_k=1).listener.tokens == greedy
    assert generate(runtime, "the cat", temperature=1.0, top_p=1e-6).listener.tokens == greedy


def test_what_is_told_is_the_models_own_distribution(runtime: LlamaRuntime, generate: Generate) -> None:
    tokens = generate(runtime, "the cat", temperature=2.0, top_k=50, seed=3).listener.tokens
    first = next(token for token in tokens if token.phase == "generate")
    ids = [token.id for token in tokens if token.phase == "prompt"]
    logits = runtime.measure(ids, [[]]).logits[0, 0].astype(np.float64)
    logprobs = logits - np.log(np.exp(logits).sum())
    assert first.logprob == pytest.approx(logprobs[first.id], abs=1e-4)
    assert first.entropy == pytest.approx(-(np.exp(logprobs) * logprobs).sum(), abs=1e-4)
    assert [candidate.id for candidate in first.top] == np.argsort(-logprobs)[:10].tolist()


def test_a_stop_ends_the_reply_after_the_token_that_is_told(runtime: LlamaRuntime) -> None:
    stop = threading.Event()

    class Stopping(Listener):
        def token(self, event: object) -> None:
            super().token(event)  # type: ignore[arg-type]
            if len([token for token in self.tokens if token.phase == "generate"]) == 3:
                stop.set()

    heard = Stopping()
    outcome = runtime.generate([user("the cat")], Sampling(max_new_tokens=20), heard, stop)
    assert (outcome.reason, outcome.tokens) == ("stopped", 3)
    assert runtime.context() == tuple(token.id for token in heard.tokens[:-1])
    again = runtime.generate([user("the cat")], Sampling(), Listener(), stop)
    assert (again.text, again.tokens, again.reason) == ("", 0, "stopped")


def test_a_full_context_ends_the_turn_and_loses_nothing(pocket_file: Path, generate: Generate) -> None:
    runtime = load(pocket_file, Options(threads=1, context=40))
    assert runtime.card.context == 40
    runtime.vocabulary.ends = frozenset()
    turn = generate(runtime, "Tell me a story.", max_new_tokens=100)
    assert turn.outcome.reason == "context"
    assert len(turn.listener.tokens) == 40
    assert turn.outcome.text
    assert len(runtime.context()) == 39
    said = [user("Tell me a story."), assistant(turn.outcome.text), user("Count from 1 to 3.")]
    later = generate(runtime, said, max_new_tokens=5)
    assert (later.outcome.trimmed, later.outcome.tokens) == (2, 5)


def test_a_prompt_that_leaves_no_room_gives_an_empty_reply(pocket_file: Path, generate: Generate) -> None:
    runtime = load(pocket_file, Options(threads=1, context=16))
    turn = generate(runtime, "Tell me a story about a fox and a bear and a lion and an owl.")
    assert (turn.outcome.text, turn.outcome.tokens, turn.outcome.reason) == ("", 0, "context")
    assert turn.listener.events == []


def test_logits_that_are_no_numbers_end_the_turn_by_name(runtime: LlamaRuntime, generate: Generate) -> None:
    before = generate(runtime, "the cat")
    runtime.apply_edits([Edit(site="resid_mid", layer=1, units=tuple(range(32)), value=3e38)])
    with pytest.raises(NonFiniteError, match=r"edit 1 of 1 \(`resid_mid`, layer 1, scale 3e\+38\)"):
        generate(runtime, "the cat")
    runtime.apply_edits([])
    assert generate(runtime, "the cat").listener.tokens == before.listener.tokens


def test_measuring_leaves_the_conversation_alone(runtime: LlamaRuntime, generate: Generate) -> None:
    first = generate(runtime, "the cat")
    kept = runtime.context()
    runtime.measure((5, 6, 7), [[], [Edit(site="z", layer=0, units=(1,))]], logits=3)
    assert runtime.context() == kept
    said = [user("the cat"), assistant(first.outcome.text), user("sat")]
    after = generate(runtime, said)
    generate(runtime, "the cat")
    assert generate(runtime, said).listener.tokens == after.listener.tokens


def test_a_plan_may_change_in_the_middle_of_a_turn(runtime: LlamaRuntime) -> None:
    class Changing(Listener):
        def token(self, event: object) -> None:
            super().token(event)  # type: ignore[arg-type]
            if len([token for token in self.tokens if token.phase == "generate"]) == 3:
                runtime.capture(CapturePlan((("z", (0, 1)),)))

    runtime.capture(CapturePlan((("resid_post", (2,)),), prompt_positions=0))
    heard = Changing()
    runtime.generate([user("the cat")], Sampling(max_new_tokens=6), heard, threading.Event())
    assert [scan.site for scan in heard.scans] == ["resid_post"] * 2 + ["z"] * 3
