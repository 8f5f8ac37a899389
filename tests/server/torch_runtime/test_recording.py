"""Direct calls of the model: edits felt, activations recorded."""

import numpy as np
import pytest
import torch

from llmri_protocol.messages import Edit
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import MakeRuntime

BATCH = torch.tensor([[3, 4, 5], [6, 7, 8]])


@pytest.fixture
def runtime(make_runtime: MakeRuntime) -> TorchRuntime:
    return make_runtime("llama")


def test_a_recording_holds_every_position_of_every_pass_in_order(runtime: TorchRuntime) -> None:
    with runtime.record("resid_post", [0, 2]) as recording, torch.no_grad():
        states = runtime.model(BATCH, output_hidden_states=True).hidden_states
        runtime.model(BATCH[:1])
    assert recording.rows.shape == (9, 2, 32)
    assert recording.rows.dtype == np.float32
    assert (recording.rows[:6, 0] == states[1].reshape(-1, 32).numpy()).all()
    np.testing.assert_allclose(recording.rows[6:], recording.rows[:3], rtol=1e-4, atol=1e-6)


def test_a_recording_works_in_inference_mode_and_for_flattened_modules(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("opt", torch.bfloat16)
    with runtime.record("mlp_act") as recording, torch.inference_mode():
        runtime.model(BATCH)
    assert recording.rows.shape == (6, 3, 48)


def test_an_empty_recording_has_no_rows(runtime: TorchRuntime) -> None:
    with runtime.record("mlp_act") as recording:
        pass
    assert recording.rows.shape == (0, 3, 48)


def test_direct_calls_feel_edits_only_inside_hooked(runtime: TorchRuntime) -> None:
    runtime.apply_edits([Edit(site="mlp_act", layer=1, units=tuple(range(48)), value=0.0)])
    with torch.no_grad():
        plain = runtime.model(BATCH).logits
        with runtime.hooked():
            edited = runtime.model(BATCH).logits
        after = runtime.model(BATCH).logits
    assert torch.equal(plain, after)
    assert not torch.equal(plain, edited)


def test_hooked_generation_is_edited_too(runtime: TorchRuntime) -> None:
    def largest_logits() -> list[float]:
        reply = runtime.model.generate(  # type: ignore[operator]
            BATCH,
            attention_mask=torch.ones_like(BATCH),
            max_new_tokens=4,
            output_logits=True,
            return_dict_in_generate=True,
        )
        return [step.abs().max().item() for step in reply.logits]

    runtime.apply_edits([Edit(site="resid_post", layer=2, units=tuple(range(32)), value=0.0)])
    with runtime.hooked():
        assert set(largest_logits()) == {0.0}
    assert min(largest_logits()) > 0


def test_contexts_nest_and_end_alone(runtime: TorchRuntime) -> None:
    with runtime.record("mlp_act") as outer, torch.no_grad():
        runtime.model(BATCH)
        with runtime.record("resid_post", [1]) as inner:
            runtime.model(BATCH)
        runtime.model(BATCH)
    assert (len(outer.rows), len(inner.rows)) == (12, 6)


def test_edits_stay_in_hooked_when_an_inner_recording_ends(runtime: TorchRuntime) -> None:
    runtime.apply_edits([Edit(site="mlp_act", layer=1, units=tuple(range(48)), value=0.0)])
    with runtime.hooked(), torch.no_grad():
        before = runtime.model(BATCH).logits
        with runtime.record("mlp_act", [1]) as recording:
            runtime.model(BATCH)
        after = runtime.model(BATCH).logits
    assert (recording.rows == 0).all()
    assert torch.equal(before, after)


def test_a_site_that_is_not_there_cannot_be_recorded(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("mixtral")
    with pytest.raises(ValueError, match="no site `mlp_act` here"), runtime.record("mlp_act"):
        pass
