"""Attribution against gradients by hand."""

import threading
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from llmri_protocol.messages import AttributionMethod, Edit
from llmri_server.runtime import StoppedError
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import MakeRuntime, Say, blocks_of, single

IDS = tuple(range(30, 44))
METHODS: tuple[AttributionMethod, ...] = get_args(AttributionMethod)


def logit_by_hand(
    runtime: TorchRuntime, layer: int, change: Callable[[Tensor], Tensor], target: int
) -> Tensor:
    """Return the last position's logit where a block's output is replaced."""

    def replace(_module: object, _args: object, output: object) -> object:
        changed = change(single(output))
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    handle = blocks_of(runtime.model)[layer].register_forward_hook(replace)
    try:
        logit: Tensor = runtime.model(torch.tensor([IDS]), use_cache=False).logits[0, -1, target]
    finally:
        handle.remove()
    return logit


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "mixtral", "gemma2"])
def test_the_gradient_is_that_of_autograd_by_hand(make_runtime: MakeRuntime, kind: str) -> None:
    runtime = make_runtime(kind)
    leaf = torch.empty(0)

    def open_up(value: Tensor) -> Tensor:
        nonlocal leaf
        leaf = value.detach().clone().requires_grad_()
        return leaf * 1

    logit_by_hand(runtime, 1, open_up, 77).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    expected = (leaf.grad * leaf.detach()).sum(dim=(0, 1))
    found = runtime.attribute(IDS, "resid_post", 1, target=77)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    runtime.model.zero_grad()


@pytest.mark.parametrize("kind", ["llama", "granite", "opt", "falcon"])
def test_at_every_site_it_is_the_slope_of_scaling_a_unit(make_runtime: MakeRuntime, kind: str) -> None:
    """d logit / d scale at scale 1 is the gradient times the activation, summed over positions."""
    runtime = make_runtime(kind, torch.float32)
    step, units = 1e-2, (0, 9, 20)
    for site in (site.name for site in runtime.card.sites if site.editable):
        found = runtime.attribute(IDS, site, 1, target=5)
        scaled = [
            (Edit(site=site, layer=1, units=(unit,), value=1 + sign * step),)
            for unit in units
            for sign in (1, -1)
        ]
        logits = runtime.measure(IDS, scaled).logits[:, 0, 5].astype(np.float64)
        slopes = (logits[::2] - logits[1::2]) / (2 * step)
        np.testing.assert_allclose(found.values[list(units)], slopes, rtol=0.05, atol=2e-3, err_msg=site)


@pytest.mark.parametrize("site", ["attn_out", "z", "mlp_act", "mlp_out"])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_integrated_gradients_add_up_to_the_logits_whole_change(
    make_runtime: MakeRuntime, kind: str, site: str
) -> None:
    runtime = make_runtime(kind)
    width = next(each.width for each in runtime.card.sites if each.name == site)
    found = runtime.attribute(IDS, site, 1, target=12, method="integrated")
    nothing = Edit(site=site, layer=1, units=tuple(range(width)), value=0.0)
    whole, without = runtime.measure(IDS, [(), (nothing,)]).logits[:, 0, 12]
    assert found.logit == pytest.approx(whole, abs=1e-4)
    assert found.values.sum() == pytest.approx(whole - without, abs=0.011 * max(1, abs(whole - without)))


def test_integrated_gradients_can_be_stopped(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama", torch.float32)
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        runtime.attribute(IDS, "mlp_act", 1, method="integrated", stop=stop)
    assert all(parameter.requires_grad for parameter in runtime.model.parameters())


def test_the_likeliest_token_is_the_target_where_none_is_named(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    logits = runtime.measure(IDS, [()]).logits[0, 0]
    for method in METHODS:
        found = runtime.attribute(IDS, "z", 0, method=method)
        assert found.target == logits.argmax()
        assert found.logit == pytest.approx(logits.max(), abs=1e-4)
        np.testing.assert_array_equal(
            runtime.attribute(IDS, "z", 0, target=found.target, method=method).values, found.values
        )


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was(endless: TorchRuntime, say: Say, method: AttributionMethod) -> None:
    first = say(endless, "the cat").outcome
    parameters = list(endless.model.parameters())
    parameters[1].requires_grad_(False)
    asking = [parameter.requires_grad for parameter in parameters]
    hooks = sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in endless.model.modules()
    )
    endless.attribute(IDS, "resid_mid", 1, method=method)
    assert [parameter.requires_grad for parameter in parameters] == asking
    assert all(parameter.grad is None for parameter in parameters)
    assert hooks == sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in endless.model.modules()
    )
    assert say(endless, "the cat").outcome == first


def test_half_precision_gives_nearly_the_same(make_runtime: MakeRuntime) -> None:
    exact = make_runtime("llama").attribute(IDS, "mlp_act", 1, target=3).values
    rough = make_runtime("llama", torch.bfloat16).attribute(IDS, "mlp_act", 1, target=3).values
    assert np.corrcoef(exact, rough)[0, 1] > 0.98


def test_standing_edits_play_no_part(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    before = runtime.attribute(IDS, "mlp_act", 1).values
    runtime.apply_edits([Edit(site="resid_post", layer=0, units=tuple(range(10)), value=0.0)])
    np.testing.assert_array_equal(runtime.attribute(IDS, "mlp_act", 1).values, before)
