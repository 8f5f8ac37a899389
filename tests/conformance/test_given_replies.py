"""Many prompts with given replies, against the same worked out one sequence at a time."""

import numpy as np
import numpy.typing as npt
import pytest
from transformers import PreTrainedTokenizerFast

from llmri_protocol.messages import Edit
from llmri_server.runtime import ChatMessage, GivenReply, NonFiniteError, Runtime
from tests.conformance.cases import OPERATIONS, edit, editable
from tests.conformance.under_test import RuntimeUnderTest
from tests.server.torch_runtime.tiny_models import user

SAID = (("the cat", " sat down"), ("hi", "!"), ("a longer one", " it is"))
ROUNDING = {"f32": 1e-4, "bf16": 0.1}  # a batch sums in another order than a sequence alone
TOKENS = 5
STANDING = Edit(site="resid_post", layer=1, units=(0, 1), op="set", value=0.45)  # is not felt


def given_to(runtime: Runtime) -> list[GivenReply]:
    return [runtime.given_reply([user(prompt)], reply) for prompt, reply in SAID]


def logprobs(runtime: Runtime, each: GivenReply, edits: list[Edit]) -> npt.NDArray[np.float64]:
    measured = runtime.measure(
        each.prompt + each.reply, [edits], logits=len(each.reply) + 1, prompt=len(each.prompt)
    )
    logits = measured.logits[0].astype(np.float64)
    normalised: npt.NDArray[np.float64] = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return normalised


def edits_of(subject: RuntimeUnderTest) -> list[Edit]:
    positions = ("all", "generated", "prompt")
    return [
        edit(site, count % 2, OPERATIONS[count % len(OPERATIONS)], count, positions=positions[count % 3])
        for count, site in enumerate(editable(subject.runtime.card))
    ]


def test_losses_and_divergences_are_those_of_each_reply_alone(any_engine: RuntimeUnderTest) -> None:
    runtime, edits = any_engine.runtime, edits_of(any_engine)
    given, rounding = given_to(runtime), ROUNDING[runtime.card.dtype]
    plain = runtime.read_replies(given)
    runtime.apply_edits([STANDING])
    moved = runtime.read_replies(given, edits, against=plain)
    assert plain.kl is None
    assert moved.kl is not None
    assert max(moved.kl) > rounding, "the edits did nothing, so nothing was tested"
    for number, each in enumerate(given):
        before, after = (logprobs(runtime, each, some) for some in ([], edits))
        said = np.arange(len(each.reply)), list(each.reply)
        assert plain.loss[number] == pytest.approx(-before[said].mean(), rel=rounding, abs=rounding)
        assert moved.loss[number] == pytest.approx(-after[said].mean(), rel=rounding, abs=rounding)
        divergence = (np.exp(before) * (before - after)).sum(axis=1).mean()
        assert moved.kl[number] == pytest.approx(divergence, rel=rounding, abs=rounding)


def test_the_model_itself_is_at_no_distance(any_engine: RuntimeUnderTest) -> None:
    given = given_to(any_engine.runtime)
    again = any_engine.runtime.read_replies(given, against=any_engine.runtime.read_replies(given))
    assert again.kl is not None
    assert again.kl.tolist() == pytest.approx([0.0] * len(given), abs=1e-6)


def test_activations_are_those_where_replies_are_decided(any_engine: RuntimeUnderTest) -> None:
    runtime = any_engine.runtime
    given, rounding = given_to(runtime), ROUNDING[runtime.card.dtype]
    layers = tuple(range(runtime.card.layers))
    expected = [
        runtime.measure(each.prompt + each.reply, [()], sites=(("attn_out", layers),)).rows["attn_out"][
            0, len(each.prompt) - 1 :
        ]
        for each in given
    ]
    runtime.apply_edits([STANDING])
    found = runtime.reply_activations("attn_out", given)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=rounding, rtol=rounding)


def test_greedy_replies_are_those_of_each_prompt_alone(
    any_engine: RuntimeUnderTest, tokenizer: PreTrainedTokenizerFast
) -> None:
    runtime = any_engine.runtime
    if runtime.card.dtype != "f32":
        pytest.skip("rounding of a batch may choose another token")
    edits = [edit(site, 1, "scale", value=1.5) for site in editable(runtime.card)[:2]]
    conversations: list[list[ChatMessage]] = [[user(prompt)] for prompt, _ in SAID]
    prompts = [runtime.prompt_ids(each) for each in conversations]
    runtime.apply_edits([STANDING])
    found = runtime.greedy_replies(prompts, TOKENS, edits)
    for prompt, text in zip(prompts, found, strict=True):
        expected = [token for token, _ in any_engine.reference.reply(prompt, edits, TOKENS)]
        assert len(expected) == TOKENS
        assert text == tokenizer.decode(expected, skip_special_tokens=True)


def test_a_conversation_that_is_kept_stays(one_engine: RuntimeUnderTest) -> None:
    runtime = one_engine.runtime
    before = runtime.context(), runtime.stale()
    runtime.read_replies(given_to(runtime), edits_of(one_engine))
    runtime.greedy_replies([runtime.prompt_ids([user("hi")])], 2)
    assert (runtime.context(), runtime.stale()) == before


def test_logits_that_are_not_finite_are_told(one_engine: RuntimeUnderTest) -> None:
    site = next(site for site in one_engine.runtime.card.sites if site.name == "mlp_act")
    broken = [Edit(site="mlp_act", layer=2, units=tuple(range(site.width)), op="set", value=3e38)]
    with pytest.raises(NonFiniteError, match="infinite or not a number"):
        one_engine.runtime.read_replies(given_to(one_engine.runtime), broken)
