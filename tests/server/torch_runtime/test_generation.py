"""Replies: sampling, stopping, memory, limits, and what is told of each token."""

import math
import threading

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, PreTrainedTokenizerFast

from llmri_protocol.messages import Edit
from llmri_server.runtime import CapturePlan, ChatMessage, ScanEvent, TokenEvent
from llmri_server.torch_runtime import TorchRuntime, assemble
from tests.server.torch_runtime.tiny_models import (
    Listener,
    MakeRuntime,
    Say,
    Turn,
    assistant,
    system,
    user,
)


def generated(turn: Turn) -> list[TokenEvent]:
    return [token for token in turn.listener.tokens if token.phase == "generate"]


def test_greedy_is_what_the_library_says(endless: TorchRuntime, say: Say) -> None:
    ids = endless.tokenizer("<|user|>the cat<|end|><|assistant|>", return_tensors="pt")
    expected = endless.model.generate(  # type: ignore[operator]
        **ids, max_new_tokens=9, do_sample=False
    )[0, ids["input_ids"].shape[1] :]
    assert [token.id for token in generated(say(endless, "the cat", max_new_tokens=9))] == expected.tolist()


def test_the_same_seed_gives_the_same_text_and_another_seed_another(endless: TorchRuntime, say: Say) -> None:
    settings = {"temperature": 1.0, "max_new_tokens": 20}
    first, again, other = (say(endless, "the cat", seed=seed, **settings).outcome.text for seed in (1, 1, 2))
    assert first == again != other


def test_a_turn_leaves_the_random_numbers_of_others_alone(endless: TorchRuntime, say: Say) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    say(endless, "the cat", temperature=1.0, seed=9)
    assert torch.equal(torch.rand(3), expected)


def test_sampling_options_reach_the_library(endless: TorchRuntime, say: Say) -> None:
    greedy = [token.id for token in generated(say(endless, "the cat"))]
    for settings in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-3}):
        turn = say(endless, "the cat", **{"temperature": 1.0, "seed": 4} | settings)
        assert [token.id for token in generated(turn)] == greedy
    three = say(endless, "the cat", temperature=5.0, top_k=3, max_new_tokens=30, seed=4)
    for token in generated(three):
        assert token.id in {candidate.id for candidate in token.top[:3]}


def test_a_checkpoints_own_sampling_defaults_are_left_out(
    tokenizer: PreTrainedTokenizerFast, make_runtime: MakeRuntime, say: Say
) -> None:
    """Some checkpoints penalise repetition by default; the raw distribution would not be the model's own."""
    plain = say(make_runtime("llama"), "the cat", max_new_tokens=12).outcome
    model = make_runtime("llama").model
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        repetition_penalty=5.0, temperature=0.1, top_k=2, eos_token_id=[0]
    )
    assert say(assemble(model, tokenizer, name="x"), "the cat", max_new_tokens=12).outcome == plain


def test_logprob_entropy_and_candidates_are_those_of_the_raw_distribution(
    endless: TorchRuntime, say: Say
) -> None:
    turn = say(endless, "the cat", temperature=3.0, seed=2)
    ids = torch.tensor([[token.id for token in turn.listener.tokens]])
    with torch.no_grad():
        logprobs = torch.log_softmax(endless.model(ids).logits[0].double(), dim=-1)
    for token in generated(turn):
        row = logprobs[token.number - 1]
        best = row.topk(10)
        assert token.logprob == pytest.approx(row[token.id].item(), abs=1e-4)
        assert token.entropy == pytest.approx(-(row.exp() * row).sum().item(), abs=1e-4)
        assert [candidate.id for candidate in token.top] == best.indices.tolist()
        assert [c.logprob for c in token.top] == pytest.approx(best.values.tolist(), abs=1e-4)
        assert sum(math.exp(candidate.logprob) for candidate in token.top) < 1
    assert all(token.logprob is None and token.top == () for token in turn.listener.tokens[:5])


def test_stop_ends_the_reply_at_the_next_token(endless: TorchRuntime, say: Say) -> None:
    stop = threading.Event()

    class Stopper(Listener):
        def token(self, event: TokenEvent) -> None:
            super().token(event)
            if len([token for token in self.tokens if token.phase == "generate"]) == 3:
                stop.set()

    turn = say(endless, "the cat", stop=stop, sink=Stopper(), max_new_tokens=50)
    assert (turn.outcome.reason, turn.outcome.tokens) == (
        "stopped",
        4,
    )
    again = say(endless, "the cat", stop=stop)
    assert (again.outcome.reason, again.outcome.tokens, again.listener.events) == ("stopped", 0, [])


def test_the_end_token_ends_the_reply_and_is_no_part_of_its_text(endless: TorchRuntime, say: Say) -> None:
    length = say(endless, "the cat", max_new_tokens=5)
    assert length.outcome.reason == "length"
    end = generated(length)[-1].id
    endless.model.generation_config.eos_token_id = [end]
    endless._speaker._ends = frozenset({end})
    turn = say(endless, "the cat", max_new_tokens=50)
    assert turn.outcome.reason == "end"
    assert [token.id for token in generated(turn)] == [
        token.id for token in generated(length)[: turn.outcome.tokens]
    ]


def test_token_texts_together_are_the_reply_without_special_tokens(endless: TorchRuntime, say: Say) -> None:
    special = set(endless.tokenizer.all_special_ids)
    for seed in range(5):
        turn = say(endless, "the cat", temperature=1.0, seed=seed, max_new_tokens=60)
        ordinary = [token.text for token in generated(turn) if token.id not in special]
        assert "".join(ordinary) == turn.outcome.text
        assert [token.number for token in turn.listener.tokens] == list(range(len(turn.listener.tokens)))


def test_a_second_turn_computes_only_new_tokens_and_says_the_same_as_a_fresh_one(
    make_runtime: MakeRuntime, say: Say
) -> None:
    def conversation(first: str) -> list[ChatMessage]:
        return [user("the cat"), assistant(first), user("on the mat")]

    runtime, fresh = make_runtime("llama"), make_runtime("llama")
    runtime.model.generation_config.eos_token_id = fresh.model.generation_config.eos_token_id = None
    runtime.capture(CapturePlan((("resid_post", (1,)),)))
    reply = say(runtime, "the cat").outcome.text
    turn = say(runtime, conversation(reply))
    whole = say(fresh, conversation(reply))
    new = [token for token in turn.listener.tokens if token.phase == "prompt"]
    assert 0 < len(new) < len([token for token in whole.listener.tokens if token.phase == "prompt"])
    assert turn.outcome == whole.outcome
    assert [token.number for token in turn.listener.tokens] == list(range(len(turn.listener.tokens)))
    assert [scan.number for scan in turn.listener.scans] == list(range(len(turn.listener.tokens) - 1))


def test_the_same_first_prompt_again_is_computed_anew(endless: TorchRuntime, say: Say) -> None:
    first = say(endless, "the cat")
    again = say(endless, "the cat")
    assert again.listener.tokens == first.listener.tokens
    assert again.outcome == first.outcome


def test_a_new_conversation_feels_every_edit_from_its_first_token(
    make_runtime: MakeRuntime, say: Say
) -> None:
    edit = Edit(site="resid_post", layer=0, units=(1, 2, 3), op="scale", value=0.0)
    before, fresh = make_runtime("llama"), make_runtime("llama")
    say(before, "the cat")
    for runtime in (before, fresh):
        runtime.apply_edits([edit])
        runtime.capture(CapturePlan((("resid_post", (1,)),)))
    edited, expected = say(before, "the cat"), say(fresh, "the cat")
    assert edited.outcome == expected.outcome
    assert len(edited.listener.scans) == len(expected.listener.scans)
    for one, other in zip(edited.listener.scans, expected.listener.scans, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)


def test_a_conversation_that_shares_nothing_starts_anew(endless: TorchRuntime, say: Say) -> None:
    expected = say(endless, [system("sat"), user("the cat")])
    say(endless, "on the mat")
    again = say(endless, [system("sat"), user("the cat")])
    assert again.listener.events == expected.listener.events


def test_a_cache_with_sliding_windows_is_never_cut(make_runtime: MakeRuntime, say: Say) -> None:
    runtime, fresh = make_runtime("gemma2"), make_runtime("gemma2")
    say(runtime, "the cat sat on the mat with the other cat", max_new_tokens=20)
    other = "the cat sat on the other mat"
    assert say(runtime, other).outcome == say(fresh, other).outcome


def test_a_failed_turn_leaves_no_memory(endless: TorchRuntime, say: Say) -> None:
    expected = say(endless, "the cat sat").outcome

    class Broken:
        def token(self, event: TokenEvent) -> None:
            if event.phase == "generate":
                raise RuntimeError("boom")

        def scan(self, event: ScanEvent) -> None:
            pass

    with pytest.raises(RuntimeError, match="boom"):
        say(endless, "the cat", sink=Broken())
    assert say(endless, "the cat sat").outcome == expected


def test_old_exchanges_are_left_out_of_a_conversation_that_is_too_long(
    endless: TorchRuntime, say: Say
) -> None:
    exchange = [user("the cat sat on the mat"), assistant("on the mat")]
    turn = say(endless, [system("sat"), *exchange * 12, user("the other cat")], max_new_tokens=8)
    assert turn.outcome.trimmed > 0
    assert turn.outcome.trimmed % 2 == 0
    text = "".join(token.text for token in turn.listener.tokens if token.phase == "prompt")
    assert text.startswith("<|system|>sat<|end|><|user|>the cat")
    assert text.endswith("<|user|>the other cat<|end|><|assistant|>")
    assert len(turn.listener.tokens) <= endless.card.context


def test_a_reply_that_fills_the_context_ends_there(endless: TorchRuntime, say: Say) -> None:
    turn = say(endless, "cat" * 50, max_new_tokens=1000)
    assert turn.outcome.reason == "context"
    assert len(turn.listener.tokens) == endless.card.context


def test_a_message_longer_than_the_context_is_answered_with_nothing(endless: TorchRuntime, say: Say) -> None:
    turn = say(endless, "cat" * 500)
    assert (turn.outcome.text, turn.outcome.tokens, turn.outcome.reason) == ("", 0, "context")
    assert turn.listener.events == []


@pytest.mark.parametrize(
    "kind", ["mistral", "mixtral", "gpt2", "gpt_neox", "opt", "falcon", "granite", "phi3"]
)
def test_every_family_remembers_and_repeats_itself(make_runtime: MakeRuntime, say: Say, kind: str) -> None:
    runtime, fresh = make_runtime(kind), make_runtime(kind)
    conversation = [user("the cat"), assistant("sat"), user("on the mat")]
    say(runtime, conversation[:1])
    assert say(runtime, conversation).outcome == say(fresh, conversation).outcome
