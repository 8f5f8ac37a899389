"""What the collector says a model computed is what it computed, and the model does not notice."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch

from llmri.capture import CaptureError, Observation, TensorCollector, Trial, read_capture
from llmri.capture.attachment import attach
from llmri.capture.observing import Observer
from tests.gguf_models import FAMILIES, gguf_model
from tests.llmri.capture.conftest import llama_cpp, opened

QUESTION = "What is the capital of France?"
IDS = list(range(10, 130, 10))


def answer(llama: Any, question: str = QUESTION, **options: Any) -> str:
    said = llama.create_chat_completion([{"role": "user", "content": question}], temperature=0, **options)
    text: str = said["choices"][0]["message"]["content"]
    return text


def watched(llama: Any, collector: TensorCollector, question: str = QUESTION) -> Trial:
    collector.start_trial(question)
    return collector.end_trial(answer(llama, question, max_tokens=12))


def find(trial: Trial, name: str, operation: str) -> Observation:
    (found,) = [one for one in trial.tensors if (one.name, one.operation) == (name, operation)]
    return found


def test_a_trial_names_every_tensor_of_a_plain_model(llama: Any) -> None:
    with TensorCollector(llama) as collector:
        trial = watched(llama, collector)
    assert "Paris" in trial.reply
    assert trial.prompt == QUESTION
    assert {one.layer for one in trial.tensors} == {-1, *range(8), 998, 999}
    assert {one.category for one in trial.tensors} == {
        "attention", "feed-forward", "normalisation", "embedding", "output",
    }  # fmt: skip
    assert [one.order for one in trial.tensors] == list(range(len(trial.tensors)))
    assert trial.tensor_counts["l_out-3"] == trial.passes
    assert all(one.count == trial.passes for one in trial.tensors)
    width = find(trial, "ffn_swiglu-4", "GLU")
    assert (width.shape[-1], width.type, width.kind) == (512, "f32", "neurons")
    assert trial.positions == trial.passes - 1 + find(trial, "embd", "GET_ROWS").shape[0]


def test_names_that_repeat_are_told_apart(llama: Any) -> None:
    with TensorCollector(llama) as collector:
        trial = watched(llama, collector)
    assert [one.operation for one in trial.tensors if one.name == "Qcur-0"] == ["MUL_MAT", "RESHAPE", "ROPE"]
    norms = [one for one in trial.tensors if one.name == "norm-2"]
    assert len(norms) == 2
    assert norms[0].statistics != norms[1].statistics


def test_what_only_shows_another_tensor_has_no_statistics(llama: Any) -> None:
    with TensorCollector(llama) as collector:
        trial = watched(llama, collector)
    without = {one.operation for one in trial.tensors if one.statistics is None}
    assert without == {"RESHAPE", "VIEW", "PERMUTE", "SET_ROWS"}


@pytest.mark.parametrize("family", FAMILIES)
def test_statistics_are_those_of_the_same_model_in_pytorch(family: str, tmp_path: Path) -> None:
    made = gguf_model(family, tmp_path, "f32")
    llama = opened(str(made.path), type_k=0, type_v=0, logits_all=True)
    with TensorCollector(llama) as collector:
        collector.start_trial("")
        llama.eval(IDS)
        trial = collector.end_trial("")
    with torch.no_grad():
        hidden = made.model(torch.tensor([IDS]), output_hidden_states=True).hidden_states
    for layer, states in enumerate(hidden[1:-1]):  # the last is normalised
        values = states[0].double().numpy()
        found = find(trial, f"l_out-{layer}", "ADD").statistics
        assert found is not None
        assert found.values == values.size
        assert found.mean == pytest.approx(values.mean(), abs=1e-3)
        assert found.std == pytest.approx(values.std(), rel=3e-3)
        assert found.min == pytest.approx(values.min(), rel=3e-3)
        assert found.max == pytest.approx(values.max(), rel=3e-3)
        assert found.norm == pytest.approx(math.sqrt(np.square(values).sum() / len(IDS)), rel=3e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_every_architecture_has_its_place(family: str, tmp_path: Path) -> None:
    llama = opened(str(gguf_model(family, tmp_path, "f32").path))
    with TensorCollector(llama) as collector:
        collector.start_trial("")
        llama.eval(IDS)
        trial = collector.end_trial("")
    assert {one.layer for one in trial.tensors} == {-1, 0, 1, 2, 998, 999}
    assert [one.name for one in trial.tensors if one.category == "other"] == []


def test_watching_changes_no_logit(llama: Any) -> None:
    def logits() -> np.ndarray:
        llama.reset()
        llama.eval(IDS)
        return np.array(llama._ctx.get_logits()[: llama.n_vocab()])

    before = logits()
    with TensorCollector(llama) as collector:
        collector.start_trial("")
        np.testing.assert_array_equal(logits(), before)
        collector.end_trial("")
        np.testing.assert_array_equal(logits(), before)
    np.testing.assert_array_equal(logits(), before)


def test_trials_begin_anew_and_count_for_themselves(llama: Any) -> None:
    with TensorCollector(llama) as collector:
        first, second = watched(llama, collector), watched(llama, collector)
        other = watched(llama, collector, "What is 12 + 7?")
    assert [one.statistics for one in first.tensors] == [one.statistics for one in second.tensors]
    assert [one.statistics for one in first.tensors] != [one.statistics for one in other.tensors]
    assert collector.trials == [first, second, other]


def test_between_trials_and_after_closing_nothing_is_watched(llama: Any) -> None:
    with TensorCollector(llama) as collector:
        trial = watched(llama, collector)
        again = answer(llama, max_tokens=12)
    assert again == trial.reply == answer(llama, max_tokens=12)
    assert len(collector.trials) == 1


def test_without_statistics_tensors_are_only_counted(llama: Any) -> None:
    with TensorCollector(llama, statistics=False) as collector:
        trial = watched(llama, collector)
    assert all(one.statistics is None for one in trial.tensors)
    assert trial.tensor_counts["l_out-0"] == trial.passes


def test_a_prompt_of_several_micro_batches_is_counted_whole() -> None:
    llama = opened(n_batch=16, n_ubatch=16, n_ctx=128)
    with TensorCollector(llama) as collector:
        collector.start_trial("")
        llama.eval(IDS * 4)
        trial = collector.end_trial("")
    assert (trial.passes, trial.positions) == (3, 48)
    embedding = find(trial, "embd", "GET_ROWS")
    assert embedding.statistics is not None
    assert embedding.statistics.values == 48 * 192


def test_flash_attention_hides_the_scores_and_nothing_else() -> None:
    llama = opened(flash_attn=True)
    with TensorCollector(llama) as collector:
        trial = watched(llama, collector)
    names = {one.name for one in trial.tensors}
    assert "kq-0" not in names
    hidden = [one for one in trial.tensors if one.operation == "FLASH_ATTN_EXT"]
    assert [(one.layer, one.kind) for one in hidden] == [(layer, "heads") for layer in range(8)]
    assert "Paris" in trial.reply


def test_passes_are_told_as_they_begin(llama: Any) -> None:
    told: list[int] = []
    with TensorCollector(llama, on_pass=lambda: told.append(1)) as collector:
        assert len(told) == 0
        assert watched(llama, collector).passes == len(told)


def test_timings_add_up(llama: Any) -> None:
    with TensorCollector(llama) as collector:
        timings = watched(llama, collector).timings
    assert 0 < timings.prompt < timings.total
    assert timings.total == pytest.approx(timings.prompt + timings.reply)


def test_a_file_holds_what_was_collected(llama: Any, tmp_path: Path) -> None:
    with TensorCollector(llama) as collector:
        trial = watched(llama, collector)
    collector.save_to_json(tmp_path / "capture.json")
    capture = read_capture(tmp_path / "capture.json")
    assert capture.trials == [trial]
    assert (capture.model.name, capture.model.family, capture.model.layers) == ("pocket", "llama", 8)
    assert (capture.model.architecture, capture.model.width) == ("llama", 192)
    assert "llama-cpp-python" in capture.engine


def broken(message: BaseException) -> Callable[..., bool]:
    def asked(self: Observer, address: int) -> bool:
        raise message

    return asked


def test_what_fails_inside_is_an_error_of_that_trial_and_of_no_other(
    llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TensorCollector(llama) as collector:
        with monkeypatch.context() as patch:
            patch.setattr(Observer, "asked", broken(ArithmeticError("broken")))
            collector.start_trial(QUESTION)
            reply = answer(llama, max_tokens=12)
            with pytest.raises(CaptureError, match="broken"):
                collector.end_trial(reply)
        assert "Paris" in reply  # the pass went on: no stale logits
        assert "Paris" in watched(llama, collector).reply
    assert len(collector.trials) == 1


def test_ctrl_c_inside_is_ctrl_c(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with TensorCollector(llama) as collector:
        monkeypatch.setattr(Observer, "asked", broken(KeyboardInterrupt()))
        collector.start_trial(QUESTION)
        answer(llama, max_tokens=2)
        with pytest.raises(KeyboardInterrupt):
            collector.end_trial("")


def test_ctrl_c_as_the_callback_is_entered_is_not_lost(llama: Any) -> None:
    """Nothing inside a function can catch what a signal's handler raises as the function is entered."""

    def interrupt(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is TensorCollector._hear.__code__:
            raise KeyboardInterrupt

    before = sys.unraisablehook
    with TensorCollector(llama) as collector:
        collector.start_trial(QUESTION)
        sys.setprofile(interrupt)
        answer(llama, max_tokens=2)
        with pytest.raises(KeyboardInterrupt):
            collector.end_trial("")
        assert sys.unraisablehook is before
        assert "Paris" in watched(llama, collector).reply


def test_trials_are_started_and_ended_in_turn(llama: Any) -> None:
    collector = TensorCollector(llama)
    with pytest.raises(CaptureError, match="no trial runs"):
        collector.end_trial("")
    collector.start_trial("")
    with pytest.raises(CaptureError, match="runs already"):
        collector.start_trial("")
    with pytest.raises(CaptureError, match="computed nothing"):
        collector.end_trial("")
    collector.close()
    with pytest.raises(CaptureError, match="closed"):
        collector.start_trial("")
    collector.close()


def test_a_callback_of_the_users_own_rests_and_comes_back(llama: Any) -> None:
    asked: list[int] = []

    def hear(address: int, ask: bool, _data: object) -> bool:
        asked.append(address)
        return not ask

    attach(llama, llama_cpp.ggml_backend_sched_eval_callback(hear))
    llama._ctx.llmri_attached = None  # as if somebody else had done it
    with TensorCollector(llama) as collector:
        watched(llama, collector)
        assert not asked
    answer(llama, max_tokens=2)
    assert asked


def test_a_second_collector_takes_the_place_of_the_first(llama: Any) -> None:
    first, second = TensorCollector(llama), TensorCollector(llama)
    first.close()
    assert "Paris" in watched(llama, second).reply
    second.close()
    assert not llama.context_params.cb_eval
    assert "Paris" in answer(llama, max_tokens=12)


def test_a_model_may_be_closed_first() -> None:
    llama = opened()
    collector = TensorCollector(llama)
    trial = watched(llama, collector)
    llama.close()
    collector.close()
    assert collector.trials == [trial]
    with pytest.raises(CaptureError, match="the model was closed"):
        TensorCollector(llama)


def test_an_unknown_family_is_refused(llama: Any) -> None:
    with pytest.raises(CaptureError, match="there is no family"):
        TensorCollector(llama, family="bert")
