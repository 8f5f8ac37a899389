"""What is measured, against the same worked out one question at a time with PyTorch's own functions."""

import pytest
import torch
from torch.nn import functional

from llmri_protocol.fields import PositionKind
from llmri_protocol.messages import Edit
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.measures import measure, prepare
from llmri_server.experiments.plan import Measure, Question
from llmri_server.experiments.tasks import Task, tasks_of
from llmri_server.pocket.answers import chat_texts
from llmri_server.torch_runtime import TorchRuntime
from tests.server.experiments.plans import plan_of

ALL: tuple[Measure, ...] = ("score", "loss", "kl")
ABLATED = (Edit(site="mlp_act", layer=6, units=tuple(range(512)), op="scale", value=0.0),)


def alone(runtime: TorchRuntime, question: Question) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits where a reply is decided, and the reply's tokens."""
    text = chat_texts(runtime.tokenizer, [question.prompt])[0]
    asked = runtime.tokenizer(text, add_special_tokens=False)["input_ids"]
    ids = torch.tensor(
        runtime.tokenizer(text + (question.reply or ""), add_special_tokens=False)["input_ids"]
    )
    with torch.inference_mode():
        return runtime.model(input_ids=ids[None]).logits[0, len(asked) - 1 :], ids[len(asked) :]


def test_loss_and_kl_are_those_of_each_question_alone(pocket: TorchRuntime) -> None:
    task = tasks_of(plan_of())[1]
    prepared = prepare(pocket, task, ALL, size=2)
    before = [alone(pocket, question) for question in task.asked]
    found = dict(measure(pocket, prepared, ABLATED))
    pocket.apply_edits(ABLATED)
    try:
        with pocket.hooked():
            after = [alone(pocket, question)[0] for question in task.asked]
    finally:
        pocket.apply_edits(())
    losses = [
        functional.cross_entropy(rows[:-1], ids).item() for rows, (_, ids) in zip(after, before, strict=True)
    ]
    divergences = [
        functional.kl_div(
            rows.log_softmax(-1), untouched.log_softmax(-1), log_target=True, reduction="batchmean"
        ).item()
        for rows, (untouched, _) in zip(after, before, strict=True)
    ]
    assert max(divergences) > 1e-4, "the edit did nothing, so nothing was tested"
    assert found["loss"] == pytest.approx(losses, abs=2e-5)
    assert found["kl"] == pytest.approx(divergences, abs=2e-5)


def test_the_untouched_model_is_right_and_at_no_distance(pocket: TorchRuntime) -> None:
    untouched = prepare(pocket, tasks_of(plan_of())[0], ALL, size=100).untouched
    assert untouched["score"] == (1.0, 1.0, 1.0)
    assert untouched["kl"] == (0.0, 0.0, 0.0)
    assert all(0 < loss < 0.1 for loss in untouched["loss"])


def test_prompts_without_a_right_reply_have_a_distance_alone(pocket: TorchRuntime) -> None:
    task = Task("own", "own", (Question(prompt="Tell me a story."),), (), None)
    prepared = prepare(pocket, task, ALL, size=100)
    assert set(prepared.untouched) == {"kl"}
    assert dict(measure(pocket, prepared)) == {"kl": (0.0,)}


def test_an_edit_of_generated_positions_leaves_the_prompt_alone(pocket: TorchRuntime) -> None:
    """A reply of one token is decided at the prompt's last position, and its end after that."""
    task = Task("own", "own", (Question(prompt="What is 2 plus 3?", reply="2"),), (), None)
    distances = {}
    kinds: tuple[PositionKind, ...] = ("generated", "prompt", "all")
    for positions in kinds:
        prepared = prepare(pocket, task, ("kl",), size=100)
        edit = Edit(site="resid_post", layer=7, units=tuple(range(96)), op="scale", positions=positions)
        distances[positions] = dict(measure(pocket, prepared, (edit,)))["kl"][0]
    assert min(distances.values()) > 0
    assert distances["generated"] + distances["prompt"] == pytest.approx(distances["all"], rel=1e-3)


def test_too_much_memory_is_told(pocket: TorchRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmri_server.experiments.measures.LARGEST_REFERENCE", 1000)
    with pytest.raises(ExperimentError, match="ask fewer questions"):
        prepare(pocket, tasks_of(plan_of())[0], ALL, size=100)


def test_output_that_is_not_finite_is_told(pocket: TorchRuntime) -> None:
    prepared = prepare(pocket, tasks_of(plan_of())[0], ("kl",), size=100)
    edit = Edit(site="mlp_act", layer=7, units=tuple(range(512)), op="set", value=3e38)
    with pytest.raises(ExperimentError, match="not finite"):
        list(measure(pocket, prepared, (edit,)))


def test_edits_that_stand_are_not_felt_and_stay(pocket: TorchRuntime) -> None:
    prepared = prepare(pocket, tasks_of(plan_of())[0], ALL, size=100)
    plain = dict(measure(pocket, prepared))
    pocket.apply_edits(ABLATED)
    try:
        assert dict(measure(pocket, prepared)) == plain
        with pocket.hooked():
            moved = alone(pocket, prepared.batches[0].questions[0])[0]
    finally:
        pocket.apply_edits(())
    assert not torch.equal(moved, alone(pocket, prepared.batches[0].questions[0])[0])
