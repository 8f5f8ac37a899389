"""Which nodes are which sites, and that they hold what PyTorch computes there."""

from collections.abc import Callable

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime import LlamaRuntime, Options, load
from llmri_server.llama_runtime.sites import ALWAYS, OF_EXPERTS
from llmri_server.torch_runtime import TorchRuntime
from tests.gguf_models import FAMILIES, GgufModel
from tests.server.llama_runtime.conftest import EXACT
from tests.server.llama_runtime.turns import distance

IDS = (5, 104, 101, 0, 99, 31, 260)
GELU_TABLE = 2e-3  # llama.cpp looks GELU up in a table of float16

Tiny = Callable[[str], GgufModel]


def sites_of(runtime: LlamaRuntime) -> dict[str, int]:
    return {site.name: site.width for site in runtime.card.sites}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_site_holds_what_pytorch_computes_there(
    tiny: Tiny, in_torch: Callable[[str], TorchRuntime], family: str
) -> None:
    runtime, theirs = load(tiny(family).path, EXACT), in_torch(family)
    sites = tuple((site.name, tuple(range(theirs.card.layers))) for site in theirs.card.sites)
    ours, other = runtime.measure(IDS, [[]], sites=sites), theirs.measure(IDS, [[]], sites=sites)
    tolerance = GELU_TABLE if family == "gemma2" else 1e-5
    for site, layers in sites:
        for position in range(len(IDS)):
            for layer in layers:
                found = ours.rows[site][0, position, layer]
                assert distance(found, other.rows[site][0, position, layer]) < tolerance, (site, layer)
    assert distance(ours.logits, other.logits) < tolerance


@pytest.mark.parametrize("family", FAMILIES)
def test_the_card_names_the_sites_of_each_architecture(tiny: Tiny, family: str) -> None:
    card = load(tiny(family).path, EXACT).card
    expected = {site: 48 if site == "mlp_act" else 32 for site in ALWAYS}
    if family == "mixtral":
        del expected["mlp_act"]
        expected |= {"router": 4, "expert_out": 64}
    assert {site.name: site.width for site in card.sites} == expected
    assert all(site.editable for site in card.sites)
    assert card.absent == (("mlp_act",) if family == "mixtral" else ())
    assert tuple(card.reasons) == card.absent
    assert all("mixture of experts" in reason for reason in card.reasons.values())
    assert (card.runtime, card.dtype, card.layers, card.attributable) == ("llama.cpp", "f32", 3, False)


def test_the_router_and_the_experts_of_a_mixture_add_up(tiny: Tiny) -> None:
    runtime = load(tiny("mixtral").path, EXACT)
    layers = tuple(range(3))
    rows = runtime.measure(IDS, [[]], sites=tuple((site, layers) for site in (*OF_EXPERTS, "mlp_out"))).rows
    np.testing.assert_allclose(rows["router"].sum(axis=-1), 1, rtol=1e-5)
    chosen = rows["expert_out"].reshape(*rows["expert_out"].shape[:-1], 2, 32)
    np.testing.assert_allclose(chosen.sum(axis=-2), rows["mlp_out"], atol=1e-5)


def test_an_edit_of_an_expert_is_one_of_what_all_of_them_write(tiny: Tiny) -> None:
    runtime = load(tiny("mixtral").path, EXACT)
    for slot in range(2):
        expert = Edit(site="expert_out", layer=1, units=(32 * slot + 5,), op="add", value=2.0)
        together = Edit(site="mlp_out", layer=1, units=(5,), op="add", value=2.0)
        ours, theirs, plain = runtime.measure(IDS, [[expert], [together], []], logits=len(IDS)).logits
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert np.abs(ours - plain).max() > 1e-3


def test_an_edit_of_the_router_chooses_the_experts(tiny: Tiny) -> None:
    """One that has all the probability writes alone, and each writes something else."""
    runtime = load(tiny("mixtral").path, EXACT)
    alone = []
    for expert in range(4):
        others = tuple(unit for unit in range(4) if unit != expert)
        edits = [
            Edit(site="router", layer=1, units=others),
            Edit(site="router", layer=1, units=(expert,), op="set", value=1.0),
        ]
        rows = runtime.measure(
            IDS, [edits], sites=tuple((site, (1,)) for site in (*OF_EXPERTS, "mlp_out"))
        ).rows
        assert (rows["router"][0, :, 0].argmax(axis=-1) == expert).all()
        first, second = np.split(rows["expert_out"][0, :, 0], 2, axis=-1)
        np.testing.assert_array_equal(second, 0)
        np.testing.assert_allclose(first, rows["mlp_out"][0, :, 0], atol=1e-6)
        alone.append(first)
    for expert in range(1, 4):
        assert np.abs(alone[expert] - alone[0]).max() > 1e-4


def test_one_set_of_sites_with_and_without_flash_attention(tiny: Tiny) -> None:
    with_it, without = (
        load(tiny("qwen3").path, Options(threads=1, flash_attention=wish)) for wish in ("on", "off")
    )
    assert sites_of(with_it) == sites_of(without)
    sites = (("z", (0, 1, 2)),)
    one, other = (runtime.measure(IDS, [[]], sites=sites).rows["z"] for runtime in (with_it, without))
    np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)
