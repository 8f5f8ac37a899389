"""The search on real models: tiny random Llamas with something planted, and `pocket`."""

from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from llmri_protocol.messages import Edit
from llmri_server.protection import ProtectedError, protect, refuse_ablations
from llmri_server.protection.candidates import loss
from llmri_server.protection.examination import TOKENS
from llmri_server.runtimes.common.calibration import calibration_ids
from llmri_server.settings import Settings
from llmri_server.torch_runtime import TorchRuntime, assemble, load
from tests.server.torch_runtime.tiny_models import HIDDEN, LAYERS, byte_tokenizer, tiny_model

MARKER, MASSIVE, CARRIER = 3, 7, 9
BIRTH = 1  # the layer whose MLP writes the massive activation


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


def llama(tokenizer: PreTrainedTokenizerFast) -> TorchRuntime:
    return assemble(tiny_model("llama"), tokenizer, name="tiny")


def with_massive_unit(tokenizer: PreTrainedTokenizerFast) -> TorchRuntime:
    """Plant what Sun et al. saw: one MLP writes a huge value at the text's first token, and it stays."""
    runtime = llama(tokenizer)
    first = calibration_ids(runtime)[0]
    with torch.no_grad():
        model = runtime.model.model
        model.embed_tokens.weight[:, MARKER] = 0
        model.embed_tokens.weight[first, MARKER] = 50
        for number, block in enumerate(model.layers):
            block.self_attn.o_proj.weight[[MARKER, MASSIVE]] = 0
            block.mlp.down_proj.weight[[MARKER, MASSIVE]] = 0
            if number == BIRTH:
                block.post_attention_layernorm.weight.fill_(1)
                for projection in (block.mlp.gate_proj, block.mlp.up_proj):
                    projection.weight[0] = 0
                    projection.weight[0, MARKER] = 1
                block.mlp.down_proj.weight[MASSIVE, 0] = -100
    return runtime


def with_carrier(tokenizer: PreTrainedTokenizerFast) -> TorchRuntime:
    """Plant a unit that is always on and alone tells which bytes come at all."""
    runtime = llama(tokenizer)
    ids = calibration_ids(runtime)
    counts = torch.tensor([Counter(ids)[token] for token in range(runtime.card.vocabulary)])
    with torch.no_grad():
        model = runtime.model.model
        model.embed_tokens.weight[:, CARRIER] = 20
        for block in model.layers:
            block.self_attn.o_proj.weight[CARRIER] = 0
            block.mlp.down_proj.weight[CARRIER] = 0
        model.norm.weight.fill_(1)
        runtime.model.lm_head.weight.zero_()
        runtime.model.lm_head.weight[:, CARRIER] = torch.log(counts + 0.01) / 5
    return runtime


def test_a_planted_massive_unit_is_found_where_it_is_and_nowhere_else(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    runtime = with_massive_unit(tokenizer)
    units = protect(runtime, Settings(protect="massive"))
    after = range(BIRTH, LAYERS)
    assert {(unit.site, unit.layer, unit.unit) for unit in units} == {
        *(("resid_post", layer, MASSIVE) for layer in after),
        *(("resid_pre", layer + 1, MASSIVE) for layer in after if layer + 1 < LAYERS),
        *(("resid_mid", layer, MASSIVE) for layer in after if layer > BIRTH),
    }
    ids = calibration_ids(runtime)[:TOKENS]
    rows = runtime.measure(ids, [()], sites=(("resid_post", (BIRTH,)),)).rows["resid_post"][0, :, 0]
    ratio = abs(rows[0, MASSIVE]) / np.median(np.abs(rows))
    found = next(unit for unit in units if (unit.site, unit.layer) == ("resid_post", BIRTH))
    said = f"{rows[0, MASSIVE]:,.0f} on the first token, {ratio:,.0f} times the median"
    assert (found.test, found.evidence) == ("massive", said)


def test_a_random_model_has_none(tokenizer: PreTrainedTokenizerFast) -> None:
    assert protect(llama(tokenizer), Settings()) == ()


def test_a_planted_unit_that_carries_the_loss_is_found_with_what_it_costs(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    runtime = with_carrier(tokenizer)
    units = [unit for unit in protect(runtime, Settings()) if unit.unit == CARRIER]
    assert {("resid_post", layer) for layer in range(LAYERS)} <= {(each.site, each.layer) for each in units}
    ids = calibration_ids(runtime)[:TOKENS]
    ablation = Edit(site="resid_post", layer=0, units=(CARRIER,))
    intact, ablated = loss(runtime, ids, []), loss(runtime, ids, [ablation])
    assert ablated - intact > 1
    said = f"zeroing it alone takes the loss from {intact:.2f} to {ablated:.2f} nats a token"
    [found] = [unit for unit in units if (unit.site, unit.layer) == ("resid_post", 0)]
    assert (found.test, found.evidence) == ("loss", said)


def test_the_loss_is_the_librarys_own(tokenizer: PreTrainedTokenizerFast) -> None:
    runtime = llama(tokenizer)
    ids = calibration_ids(runtime)[:TOKENS]
    given = torch.tensor([ids])
    with torch.inference_mode():
        wanted = float(runtime.model(given, labels=given).loss)
    assert loss(runtime, ids, []) == pytest.approx(wanted, rel=1e-5)


def test_what_was_found_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    runtime = with_massive_unit(tokenizer)
    card = msgspec.structs.replace(runtime.card, protected=protect(runtime, Settings(protect="massive")))
    ablation = Edit(site="resid_post", layer=BIRTH, units=(*range(HIDDEN),))
    with pytest.raises(ProtectedError, match=f"unit {MASSIVE} of `resid_post`, layer {BIRTH}.*first token"):
        refuse_ablations([ablation], card, force=False, allowed=False)


def test_the_search_leaves_the_runtime_as_it_was(tokenizer: PreTrainedTokenizerFast) -> None:
    runtime = llama(tokenizer)
    ids = torch.tensor([calibration_ids(runtime)[:TOKENS]])
    runtime.apply_edits([Edit(site="resid_post", layer=0, units=(1,), value=2.0)])
    with torch.inference_mode(), runtime.hooked():
        before = runtime.model(ids).logits
    protect(runtime, Settings())
    with torch.inference_mode(), runtime.hooked():
        assert torch.equal(runtime.model(ids).logits, before)
    assert runtime.context() == ()


def test_pocket_answers_its_own_calibration_text_well() -> None:
    runtime = load("pocket")
    assert loss(runtime, calibration_ids(runtime), []) < 1.5
