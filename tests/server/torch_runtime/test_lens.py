"""The logit lens against the final norm and the unembedding by hand."""

import msgspec
import numpy as np
import pytest
import torch

from llmri_protocol.messages import Edit
from llmri_server.runtime import NonFiniteError, UnsupportedError
from tests.server.torch_runtime.tiny_models import CONFIGS, LAYERS, MakeRuntime, Say

IDS = tuple(range(30, 44))
NORMS = {
    "llama": "model.norm",
    "qwen3": "model.norm",
    "gpt2": "transformer.ln_f",
    "falcon": "transformer.ln_f",
}


@pytest.mark.parametrize("kind", sorted(NORMS))
def test_each_layer_goes_through_norm_and_unembedding(make_runtime: MakeRuntime, kind: str) -> None:
    runtime = make_runtime(kind, torch.float32)
    norm, head = runtime.model.get_submodule(NORMS[kind]), runtime.model.lm_head
    with torch.no_grad():
        output = runtime.model(torch.tensor([IDS]), output_hidden_states=True)
        states = [state[0, -1] for state in output.hidden_states[1:-1]]
        expected = [*(head(norm(state)) for state in states), output.logits[0, -1]]
    np.testing.assert_allclose(runtime.lens(IDS), torch.stack(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_the_last_layer_is_the_models_own_answer(make_runtime: MakeRuntime, kind: str) -> None:
    runtime = make_runtime(kind)
    found = runtime.lens(IDS)
    assert runtime.card.lens
    assert found.shape == (LAYERS, runtime.card.vocabulary)
    np.testing.assert_allclose(found[-1], runtime.measure(IDS, [()]).logits[0, -1], rtol=1e-3, atol=1e-3)
    assert not np.allclose(found[0], found[-1], atol=1e-2)


def test_it_feels_its_own_edits_and_no_others(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama", torch.float32)
    plain = runtime.lens(IDS)
    edit = Edit(site="resid_post", layer=LAYERS - 1, units=tuple(range(9)), op="add", value=2.0)
    edited = runtime.lens(IDS, [edit])
    np.testing.assert_array_equal(edited[:-1], plain[:-1])
    np.testing.assert_allclose(edited[-1], runtime.measure(IDS, [[edit]]).logits[0, -1], atol=1e-4)
    runtime.apply_edits([edit])
    np.testing.assert_array_equal(runtime.lens(IDS), plain)


def test_the_model_is_left_as_it_was(make_runtime: MakeRuntime, say: Say) -> None:
    runtime = make_runtime()
    first, kept = say(runtime, "the cat").outcome, runtime.context()
    modules = list(runtime.model.modules())
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules]
    runtime.lens(IDS)
    assert runtime.context() == kept
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules]
    assert say(runtime, "the cat").outcome == first


def test_what_is_not_finite_is_refused_with_the_edit(make_runtime: MakeRuntime) -> None:
    edit = Edit(site="resid_post", layer=0, units=(3,), op="set", value=float("inf"))
    with pytest.raises(NonFiniteError, match="resid_post"):
        make_runtime("llama", torch.float32).lens(IDS, [edit])


def test_without_the_blocks_output_there_is_no_lens(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = make_runtime()
    monkeypatch.setattr(runtime, "card", msgspec.structs.replace(runtime.card, lens=False))
    with pytest.raises(UnsupportedError, match="no logit lens"):
        runtime.lens(IDS)
