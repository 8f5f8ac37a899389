"""Architectures that the table does not know."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from llmri_protocol.messages import Edit
from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import TorchRuntime
from llmri_server.torch_runtime.architectures import known_architecture
from tests.server.torch_runtime.tiny_models import MakeRuntime, Say, single

UNKNOWN: dict[str, tuple[str, ...]] = {
    "stablelm": (),
    "starcoder2": (),
    "olmo2": (),
    "cohere": ("resid_mid",),
    "phi": ("resid_mid",),
    "bloom": (),
}


@pytest.mark.parametrize(("kind", "absent"), UNKNOWN.items())
def test_an_unknown_architecture_shows_what_can_be_proven(
    make_runtime: MakeRuntime, kind: str, absent: tuple[str, ...]
) -> None:
    assert known_architecture(kind) is None
    assert make_runtime(kind).card.absent == absent


def test_the_sites_found_in_stablelm_equal_hand_written_hooks(
    make_runtime: MakeRuntime, say: Say, everything: Callable[[TorchRuntime], CapturePlan]
) -> None:
    runtime = make_runtime("stablelm")
    runtime.capture(everything(runtime))
    seen: dict[tuple[str, int], torch.Tensor] = {}
    handles = []
    for layer, block in enumerate(runtime.model.model.layers):
        places = {
            "resid_pre": (block, "in"),
            "resid_mid": (block.post_attention_layernorm, "in"),
            "resid_post": (block, "out"),
            "attn_out": (block.self_attn, "out"),
            "z": (block.self_attn.o_proj, "in"),
            "mlp_act": (block.mlp.down_proj, "in"),
            "mlp_out": (block.mlp, "out"),
        }
        for site, (module, side) in places.items():

            def before(_m: Any, args: Any, key: tuple[str, int] = (site, layer)) -> None:
                seen[key] = args[0].clone()

            def after(_m: Any, _a: Any, out: Any, key: tuple[str, int] = (site, layer)) -> None:
                seen[key] = single(out).clone()

            handles.append(
                module.register_forward_pre_hook(before)
                if side == "in"
                else module.register_forward_hook(after)
            )
    turn = say(runtime, "the cat", max_new_tokens=1)
    for scan in turn.listener.scans:
        expected = torch.stack([seen[scan.site, layer][0, scan.number] for layer in scan.layers])
        assert (scan.rows == expected.numpy()).all(), scan.site
    assert len(turn.listener.scans) == 7 * (len(turn.listener.tokens) - 1)


def test_an_unknown_architecture_can_be_edited(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("starcoder2")
    runtime.apply_edits([Edit(site="mlp_act", layer=1, units=(3,), value=0.0)])
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        runtime.model(torch.tensor([[5, 6, 7]]))
    assert (recording.rows[:, 0, 3] == 0).all()
    assert (recording.rows[:, 0, 4] != 0).any()
