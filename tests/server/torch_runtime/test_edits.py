"""Edits in the model, against `h[..., units] *= value` written by hand."""

import threading

import pytest
import torch
from torch.utils.hooks import RemovableHandle

from llmri_protocol.messages import Edit, Positions
from llmri_server.runtime import CapturePlan, EditError, TokenEvent
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import Listener, MakeRuntime, Say, blocks_of, single

PROJECTIONS: dict[str, str | None] = {
    "llama": "mlp.down_proj",
    "qwen2": "mlp.down_proj",
    "qwen3": "mlp.down_proj",
    "mistral": "mlp.down_proj",
    "mixtral": None,
    "phi3": "mlp.down_proj",
    "gemma2": "mlp.down_proj",
    "granite": "mlp.down_proj",
    "gpt2": "mlp.c_proj",
    "gpt_neox": "mlp.dense_4h_to_h",
    "opt": "fc2",
    "falcon": "mlp.dense_4h_to_h",
}
BATCH = torch.tensor([[0, 0, 7, 9, 3], [4, 8, 2, 6, 5], [0, 0, 0, 0, 11]])
MASK = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])  # padded on the left
UNITS = (0, 5, 31)
VALUES = (0.0, 1.5, -0.3)


def by_hand(runtime: TorchRuntime, kind: str, edit: Edit) -> RemovableHandle:
    """Edit the hand-written way, in place; gives the handle of the hook."""
    block = blocks_of(runtime.model)[edit.layer]

    def change(hidden: torch.Tensor) -> None:
        if edit.positions == "all":
            hidden[..., list(edit.units)] *= edit.value
        else:
            hidden.view(*BATCH.shape, -1)[:, -1, list(edit.units)] *= edit.value

    if edit.site == "resid_post":
        return block.register_forward_hook(lambda _m, _a, out: change(single(out)))
    return block.get_submodule(PROJECTIONS[kind] or "").register_forward_pre_hook(
        lambda _m, args: change(args[0])
    )


def logits(runtime: TorchRuntime) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = runtime.model(BATCH, attention_mask=MASK).logits
    return result


@pytest.mark.parametrize("positions", ["all", "last"])
@pytest.mark.parametrize("site", ["resid_post", "mlp_act"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", PROJECTIONS)
def test_an_edit_equals_a_hand_written_hook_bit_for_bit(
    make_runtime: MakeRuntime, kind: str, dtype: torch.dtype, site: str, positions: Positions
) -> None:
    runtime = make_runtime(kind, dtype)
    if site == "mlp_act" and PROJECTIONS[kind] is None:
        with pytest.raises(EditError):
            runtime.check_edits([Edit(site=site, layer=0, units=(0,))])
        return
    plain = logits(runtime)
    for value in VALUES:
        edits = [
            Edit(site=site, layer=layer, units=UNITS, value=value, positions=positions) for layer in (0, 2)
        ]
        runtime.check_edits(edits)
        runtime.apply_edits(edits)
        with runtime.hooked():
            edited = logits(runtime)
        handles = [by_hand(runtime, kind, edit) for edit in edits]
        expected = logits(runtime)
        for handle in handles:
            handle.remove()
        assert torch.equal(edited, expected)
        assert not torch.equal(edited, plain)
    assert torch.equal(logits(runtime), plain)


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_all_and_last_positions_of_one_layer_go_together(make_runtime: MakeRuntime, kind: str) -> None:
    runtime = make_runtime(kind)
    runtime.apply_edits(
        [
            Edit(site="mlp_act", layer=1, units=(1, 2), value=0.0),
            Edit(site="mlp_act", layer=1, units=(2, 3), value=4.0, positions="last"),
        ]
    )
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        runtime.model(BATCH)
    edited = recording.rows.reshape(3, 5, 48)
    runtime.apply_edits([])
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        runtime.model(BATCH)
    plain = recording.rows.reshape(3, 5, 48)
    assert (edited[:, :, 1] == 0).all()
    assert (edited[:, :-1, 2:4] == plain[:, :-1, 2:4]).all()
    assert (edited[:, -1, 2:4] == 4 * plain[:, -1, 2:4]).all()
    assert (edited[:, :, 4:] == plain[:, :, 4:]).all()


def test_a_thousand_units_are_one_multiplication(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama", intermediate_size=1200)
    runtime.apply_edits(
        [Edit(site="mlp_act", layer=1, units=(unit,), value=unit / 7) for unit in range(1000)]
    )
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        runtime.model(torch.tensor([[3]]))
    runtime.apply_edits([])
    with runtime.record("mlp_act", [1]) as plain, torch.no_grad():
        runtime.model(torch.tensor([[3]]))
    values = (torch.arange(1000, dtype=torch.float64) / 7).float().numpy()
    assert (recording.rows[0, 0, :1000] == plain.rows[0, 0, :1000] * values).all()
    assert (recording.rows[0, 0, 1000:] == plain.rows[0, 0, 1000:]).all()


def test_scans_show_edited_values(make_runtime: MakeRuntime, say: Say) -> None:
    runtime = make_runtime("llama")
    runtime.apply_edits([Edit(site="resid_post", layer=1, units=(4,), value=0.0)])
    runtime.capture(CapturePlan((("resid_pre", (1, 2)), ("resid_post", (1,)))))
    scans = say(runtime, "the cat").listener.scans
    for scan in scans:
        row = scan.rows[-1]  # resid_post of layer 1, and what layer 2 reads
        assert row[4] == 0
        assert (row[5:] != 0).any()


def test_an_edit_made_while_the_model_speaks_holds_from_the_next_pass_on(
    make_runtime: MakeRuntime, say: Say
) -> None:
    runtime = make_runtime("llama")
    runtime.model.generation_config.eos_token_id = None
    runtime.capture(CapturePlan((("resid_post", (1,)),)))
    edited_at: list[int] = []

    class Editor(Listener):
        def token(self, event: TokenEvent) -> None:
            super().token(event)
            if event.phase == "generate" and not edited_at and len(self.scans) > 5:
                edit = Edit(site="resid_post", layer=1, units=(0,), value=0.0)
                thread = threading.Thread(target=runtime.apply_edits, args=([edit],))
                thread.start()
                thread.join()
                edited_at.append(event.number)

    scans = say(runtime, "the cat", sink=Editor(), max_new_tokens=8).listener.scans
    (start,) = edited_at
    assert 0 < start < scans[-1].number
    assert [scan.rows[0, 0] == 0 for scan in scans] == [scan.number >= start for scan in scans]


def test_without_edits_only_what_is_captured_is_hooked(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama")
    runtime.capture(CapturePlan((("resid_post", (0, 2)),)))
    with runtime._instruments.attached():
        runtime.model(torch.tensor([[1, 2]]))
        assert len(runtime._instruments._installation.handles) == 2
    runtime.capture(CapturePlan())
    with runtime._instruments.attached():
        runtime.model(torch.tensor([[1, 2]]))
        assert len(runtime._instruments._installation.handles) == 0
