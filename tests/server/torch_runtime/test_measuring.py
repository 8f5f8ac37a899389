"""Measuring against passes by hand."""

import numpy as np
import pytest
import torch

from llmri_protocol.messages import Edit
from llmri_server.runtime import NonFiniteError
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import LAYERS, MakeRuntime, Say, blocks_of, single

IDS = tuple(range(10, 26))


def ablation(layer: int, *units: int, site: str = "resid_post") -> Edit:
    return Edit(site=site, layer=layer, units=units, value=0.0)


def by_hand(runtime: TorchRuntime, layer: int | None = None, units: tuple[int, ...] = ()) -> np.ndarray:
    """Return all logits of a pass with some units of a block's output at zero."""

    def ablate(_module: object, _args: object, output: object) -> None:
        single(output)[..., list(units)] = 0

    blocks = blocks_of(runtime.model)
    handle = blocks[layer].register_forward_hook(ablate) if layer is not None else None
    with torch.no_grad():
        logits = runtime.model(torch.tensor([IDS])).logits[0]
    if handle:
        handle.remove()
    return np.asarray(logits.float().numpy())


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "gemma2"])
def test_each_row_is_a_pass_under_its_own_edits(make_runtime: MakeRuntime, kind: str) -> None:
    runtime = make_runtime(kind)
    variants = [(), (ablation(0, 3, 4),), (ablation(1, 5),)]
    found = runtime.measure(IDS, variants, logits=len(IDS))
    expected = [by_hand(runtime), by_hand(runtime, 0, (3, 4)), by_hand(runtime, 1, (5,))]
    np.testing.assert_allclose(found.logits, expected, rtol=1e-5, atol=1e-5)


def test_the_last_positions_are_given_and_none_where_none_is_wanted(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    np.testing.assert_allclose(
        runtime.measure(IDS, [()], logits=3).logits[0], by_hand(runtime)[-3:], rtol=1e-5, atol=1e-5
    )
    assert runtime.measure(IDS, [()], logits=0).logits.shape == (1, 0, 300)


@pytest.mark.parametrize("kind", ["llama", "opt", "granite"])
def test_rows_are_what_recording_gives(make_runtime: MakeRuntime, kind: str) -> None:
    runtime = make_runtime(kind)
    edit = ablation(0, 1, 2)
    for site in (site.name for site in runtime.card.sites):
        found = runtime.measure(IDS, [(), (edit,)], sites=((site, (0, 2)),)).rows[site]
        for number, edits in enumerate([(), (edit,)]):
            runtime.apply_edits(edits)
            with runtime.record(site, (0, 2)) as recording, torch.no_grad():
                runtime.model(torch.tensor([IDS]), use_cache=False)
            np.testing.assert_allclose(found[number], recording.rows, rtol=1e-5, atol=1e-5)


def test_batches_that_do_not_fit_at_once_give_the_same(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = make_runtime()
    variants = [(), *((ablation(layer, unit),) for layer in range(LAYERS) for unit in (0, 7))]
    sites = (("mlp_act", (0, 1, 2)),)
    whole = runtime.measure(IDS, variants, sites=sites, logits=4)
    monkeypatch.setattr("llmri_server.torch_runtime.measuring.BATCH_BYTES", 1)
    parted = runtime.measure(IDS, variants, sites=sites, logits=4)
    np.testing.assert_allclose(parted.logits, whole.logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parted.rows["mlp_act"], whole.rows["mlp_act"], rtol=1e-5, atol=1e-5)


def test_half_precision_is_given_in_float32(make_runtime: MakeRuntime) -> None:
    found = make_runtime("llama", torch.bfloat16).measure(IDS, [()], sites=(("resid_post", (0,)),))
    assert found.logits.dtype == found.rows["resid_post"].dtype == np.float32


def test_standing_edits_and_the_conversation_play_no_part_and_stay(endless: TorchRuntime, say: Say) -> None:
    before = endless.measure(IDS, [()]).logits
    say(endless, "hello")
    endless.apply_edits([ablation(0, *range(16))])
    context = endless.context()
    np.testing.assert_array_equal(endless.measure(IDS, [()]).logits, before)
    assert endless.context() == context
    with endless.hooked(), torch.no_grad():
        edited = endless.model(torch.tensor([IDS])).logits[0, -1].numpy()
    assert not np.allclose(edited, before[0, 0])


def test_an_edit_that_breaks_the_model_is_named(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    breaking = Edit(site="mlp_act", layer=1, units=tuple(range(48)), op="set", value=3e38)
    with pytest.raises(NonFiniteError, match="mlp_act"):
        runtime.measure(IDS, [(), (ablation(0, 2),), (ablation(0, 2), breaking)])
    assert np.isfinite(runtime.measure(IDS, [()]).logits).all()
