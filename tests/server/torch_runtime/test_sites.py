"""Every site of every architecture against a hook written here by hand, bit for bit."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import TorchRuntime, architectures, assembly
from llmri_server.torch_runtime.architectures import Side, SiteName
from tests.server.torch_runtime.tiny_models import MakeRuntime, Say, blocks_of, single

Places = dict[str, tuple[nn.Module, str]]
Seen = dict[tuple[str, int], list[torch.Tensor]]

KINDS = (
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
    "mixtral",
    "phi3",
    "gemma2",
    "granite",
    "gpt2",
    "gpt_neox",
    "opt",
    "falcon",
)
ABSENT = {"mixtral": ("mlp_act",), "gpt_neox": ("resid_mid",), "falcon": ("resid_mid",)}
DTYPES = [torch.float32, torch.bfloat16]


def llama_like(block: Any) -> Places:
    return {
        "resid_mid": (block.post_attention_layernorm, "in"),
        "attn_out": (block.self_attn, "out"),
        "z": (block.self_attn.o_proj, "in"),
        "mlp_act": (block.mlp.down_proj, "in"),
        "mlp_out": (block.mlp, "out"),
    }


def mixtral(block: Any) -> Places:
    return {
        "resid_mid": (block.post_attention_layernorm, "in"),
        "attn_out": (block.self_attn, "out"),
        "z": (block.self_attn.o_proj, "in"),
        "mlp_out": (block.mlp, "out"),
    }


def gemma2(block: Any) -> Places:
    return llama_like(block) | {
        "resid_mid": (block.pre_feedforward_layernorm, "in"),
        "attn_out": (block.post_attention_layernorm, "out"),
        "mlp_out": (block.post_feedforward_layernorm, "out"),
    }


def gpt2(block: Any) -> Places:
    return {
        "resid_mid": (block.ln_2, "in"),
        "attn_out": (block.attn, "out"),
        "z": (block.attn.c_proj, "in"),
        "mlp_act": (block.mlp.c_proj, "in"),
        "mlp_out": (block.mlp, "out"),
    }


def gpt_neox(block: Any) -> Places:
    return {
        "attn_out": (block.attention, "out"),
        "z": (block.attention.dense, "in"),
        "mlp_act": (block.mlp.dense_4h_to_h, "in"),
        "mlp_out": (block.mlp, "out"),
    }


def opt(block: Any) -> Places:
    return {
        "resid_mid": (block.final_layer_norm, "in"),
        "attn_out": (block.self_attn, "out"),
        "z": (block.self_attn.out_proj, "in"),
        "mlp_act": (block.fc2, "in"),
        "mlp_out": (block.fc2, "out"),
    }


def falcon(block: Any) -> Places:
    return {
        "attn_out": (block.self_attention, "out"),
        "z": (block.self_attention.dense, "in"),
        "mlp_act": (block.mlp.dense_4h_to_h, "in"),
        "mlp_out": (block.mlp, "out"),
    }


BY_HAND: dict[str, Callable[[Any], Places]] = {
    "mixtral": mixtral,
    "gemma2": gemma2,
    "gpt2": gpt2,
    "gpt_neox": gpt_neox,
    "opt": opt,
    "falcon": falcon,
}


def hooked(module: nn.Module, side: str, look: Callable[[Any], None]) -> RemovableHandle:
    if side == "in":
        return module.register_forward_pre_hook(lambda _m, args: look(args))
    return module.register_forward_hook(lambda _m, _args, output: look(output))


def by_hand(runtime: TorchRuntime, kind: str) -> tuple[Seen, list[RemovableHandle]]:
    """Hook every site by hand; gives the dict that fills and the handles."""
    seen: Seen = {}
    handles: list[RemovableHandle] = []

    def look(site: str, layer: int, passed: Any) -> None:
        value = single(passed)
        if kind == "granite" and site in ("attn_out", "mlp_out"):
            value = value * runtime.model.config.residual_multiplier
        seen.setdefault((site, layer), []).append(value.detach().clone().reshape(-1, value.shape[-1]))

    for layer, block in enumerate(blocks_of(runtime.model)):
        places = BY_HAND.get(kind, llama_like)(block) | {
            "resid_pre": (block, "in"),
            "resid_post": (block, "out"),
        }
        for site, (module, side) in places.items():
            handles.append(hooked(module, side, partial(look, site, layer)))
    return seen, handles


def bits(tensor: torch.Tensor) -> npt.NDArray[Any]:
    whole: npt.NDArray[Any] = (tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor).numpy()
    return whole


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_scans_of_prompt_and_reply_equal_a_hand_written_hook(
    make_runtime: MakeRuntime,
    say: Say,
    everything: Callable[[TorchRuntime], CapturePlan],
    kind: str,
    dtype: torch.dtype,
) -> None:
    runtime = make_runtime(kind, dtype)
    assert runtime.card.absent == ABSENT.get(kind, ())
    runtime.capture(everything(runtime))
    seen, handles = by_hand(runtime, kind)
    turn = say(runtime, "the cat", max_new_tokens=3)
    for handle in handles:
        handle.remove()

    scans = turn.listener.scans
    assert {scan.site for scan in scans} == {site for site, _ in seen}
    assert len(scans) == len(runtime.card.sites) * (len(turn.listener.tokens) - 1)
    for scan in scans:
        expected = torch.stack([torch.cat(seen[scan.site, layer])[scan.number] for layer in scan.layers])
        assert scan.rows.flags.c_contiguous
        assert (scan.rows.view(bits(expected).dtype) == bits(expected)).all(), scan.site


@pytest.mark.parametrize("kind", KINDS)
def test_block_inputs_and_outputs_equal_the_models_hidden_states(
    make_runtime: MakeRuntime, kind: str
) -> None:
    runtime = make_runtime(kind)
    ids = torch.tensor([[5, 9, 2, 7], [1, 8, 8, 3]])
    with runtime.record("resid_post") as post, torch.no_grad():
        states = runtime.model(ids, output_hidden_states=True).hidden_states
    with runtime.record("resid_pre") as pre, torch.no_grad():
        runtime.model(ids)
    expected = torch.stack([state.reshape(-1, state.shape[-1]) for state in states], dim=1).numpy()
    assert (pre.rows == expected[:, :-1]).all()
    assert (post.rows[:, :-1] == expected[:, 1:-1]).all()


@pytest.mark.parametrize(
    ("kind", "changes", "absent"),
    [
        ("gpt_neox", {"use_parallel_residual": False}, ()),
        ("falcon", {"parallel_attn": False}, ()),
        ("falcon", {"parallel_attn": False, "alibi": True}, ()),
        ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}, ("resid_mid",)),
        ("opt", {"do_layer_norm_before": False}, ("resid_mid", "attn_out", "mlp_out")),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True, "n_inner": 40}, ()),
    ],
)
def test_variants_of_an_architecture_say_what_they_lack(
    make_runtime: MakeRuntime, kind: str, changes: dict[str, Any], absent: tuple[str, ...]
) -> None:
    card = make_runtime(kind, **changes).card
    assert card.absent == absent
    assert tuple(card.reasons) == absent
    assert all(card.reasons.values())


def test_the_card_says_what_a_viewer_needs(make_runtime: MakeRuntime) -> None:
    card = make_runtime("llama").card
    assert (card.family, card.layers, card.hidden_size, card.heads, card.context) == ("llama", 3, 32, 4, 128)
    assert (card.dtype, card.device, card.chat, card.default_layer) == ("f32", "cpu", True, 1)
    assert [(site.name, site.width, site.heads) for site in card.sites] == [
        ("resid_pre", 32, 0),
        ("resid_mid", 32, 0),
        ("resid_post", 32, 0),
        ("attn_out", 32, 0),
        ("z", 32, 4),
        ("mlp_act", 48, 0),
        ("mlp_out", 32, 0),
    ]
    assert all(site.editable for site in card.sites)
    assert {site.unit for site in card.sites if site.name == "mlp_act"} == {"MLP neuron"}


@pytest.mark.parametrize(
    ("wrong", "absent"),
    [
        ({"attn_out": ("mlp", "output")}, ("attn_out",)),
        ({"mlp_act": ("mlp.no_such_projection", "input")}, ("mlp_act",)),
        ({"resid_mid": ("input_layernorm", "input")}, ("resid_mid",)),
        ({"resid_post": ("mlp", "output")}, ("resid_mid", "resid_post", "attn_out", "mlp_out")),
        ({"z": ("self_attn.rotary", "input")}, ("z",)),
        ({"z": ("self_attn.q_proj", "input")}, ("z",)),
        ({"mlp_act": ("mlp.up_proj", "input")}, ("mlp_act",)),
    ],
)
def test_a_table_entry_that_is_wrong_is_absent_not_guessed(
    make_runtime: MakeRuntime,
    monkeypatch: pytest.MonkeyPatch,
    wrong: dict[SiteName, tuple[str, Side]],
    absent: tuple[str, ...],
) -> None:
    right = architectures.known_architecture("llama")
    assert right is not None
    paths = {site: architectures.SitePath(module=module, side=side) for site, (module, side) in wrong.items()}
    table = architectures.Architecture(
        blocks=right.blocks, final_norm=right.final_norm, sites=right.sites | paths
    )
    monkeypatch.setattr(assembly, "known_architecture", lambda kind: table)
    assert make_runtime("llama").card.absent == absent


def test_every_architecture_of_the_table_is_tested_here() -> None:
    assert set(architectures._table().hf) == set(KINDS)
