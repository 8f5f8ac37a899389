"""What is special about edits in PyTorch: padding, tensors that are read twice, and nested passes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from llmri_protocol.messages import Edit, Positions, Schedule
from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import MakeRuntime, Say, blocks_of

BATCH = torch.tensor([[0, 0, 7, 9, 3], [4, 8, 2, 6, 5], [0, 0, 0, 0, 11]])
MASK = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])  # padded on the left
MARK = 7.25


def marked(runtime: TorchRuntime, edits: Sequence[Edit], **kwargs: Any) -> list[list[int]]:
    """Run passes over a padded batch; give where unit 0 of `mlp_act` was set, a list a row."""
    runtime.apply_edits(edits)
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        if kwargs:
            runtime.model.generate(  # type: ignore[operator]
                BATCH, attention_mask=MASK, do_sample=False, **kwargs
            )
        else:
            runtime.model(BATCH, attention_mask=MASK)
    there = recording.rows[:, 0, 0] == MARK
    passes = [there[:15].reshape(3, 5), *there[15:].reshape(-1, 3, 1)]
    return np.concatenate(passes, axis=1).astype(int).tolist()  # type: ignore[no-any-return]


def edit(**conditions: Any) -> Edit:
    return Edit(site="mlp_act", layer=1, units=(0,), op="set", value=MARK, **conditions)


@pytest.mark.parametrize("kind", ["llama", "opt"])
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"positions": (0, 2)}, [[0, 0, 1, 0, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 1]]),
        ({"since": 1}, [[0, 0, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]]),
        ({"positions": "last"}, [[0, 0, 0, 0, 1]] * 3),
        ({"positions": "prompt", "since": 2}, [[0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [0] * 5]),
        ({"special": False}, [[0, 0, 1, 1, 0], [1, 1, 0, 1, 1], [0, 0, 0, 0, 1]]),
        ({"positions": "generated"}, [[0] * 5] * 3),
    ],
)
def test_padding_on_the_left_is_not_counted(
    make_runtime: MakeRuntime, kind: str, conditions: dict[str, Any], expected: list[list[int]]
) -> None:
    assert marked(make_runtime(kind), [edit(**conditions)]) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"positions": "generated"}, [[0, 0, 0, 0, 0, 1, 1]] * 3),
        (
            {"positions": "prompt"},
            [[0, 0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0]],
        ),
        ({"positions": (3,)}, [[0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]]),
        ({"since": 5}, [[0] * 7, [0, 0, 0, 0, 0, 1, 1], [0] * 7]),
        ({"schedule": Schedule(first=0, tokens=2)}, [[0, 0, 0, 0, 1, 1, 0]] * 3),
    ],
)
def test_the_pass_that_begins_with_an_empty_cache_is_the_prompt(
    make_runtime: MakeRuntime, conditions: dict[str, Any], expected: list[list[int]]
) -> None:
    runtime = make_runtime("llama")
    runtime.model.generation_config.eos_token_id = None
    assert marked(runtime, [edit(**conditions)], max_new_tokens=3) == expected


def test_resampling_counts_from_the_first_real_token(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama")
    runtime.apply_edits([Edit(site="mlp_act", layer=1, units=(0,), op="resample", seed=3)])
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        runtime.model(BATCH, attention_mask=MASK)
    values = recording.rows[:, 0, 0].reshape(3, 5)
    assert (values[0, 2:] == values[1, :3]).all()
    assert values[2, 4] == values[1, 0]
    assert len(set(values[1])) > 1


@pytest.mark.parametrize("positions", ["all", (0, 2)])
def test_an_edited_residual_is_captured_as_edited_and_what_came_before_as_it_was(
    make_runtime: MakeRuntime, say: Say, caplog: pytest.LogCaptureFixture, positions: Positions
) -> None:
    """Writing into the residual stream must not reach what was kept of its parts."""
    runtime = make_runtime("llama")
    sites = ("resid_pre", "resid_mid", "resid_post", "attn_out")
    runtime.capture(CapturePlan(tuple((site, (1,)) for site in sites)))
    plain = {(scan.site, scan.number): scan.rows for scan in say(runtime, "the cat").listener.scans}
    runtime.apply_edits(
        [Edit(site="resid_mid", layer=1, units=(0,), op="set", value=MARK, positions=positions)]
    )
    edited = {(scan.site, scan.number): scan.rows for scan in say(runtime, "the cat").listener.scans}
    assert edited.keys() >= {(site, 0) for site in sites}
    assert caplog.text == ""
    for number in range(3):
        for site in ("resid_pre", "attn_out"):
            assert (edited[site, number] == plain[site, number]).all()
        expected = plain["resid_mid", number].copy()
        if positions == "all" or number in positions:
            expected[0, 0] = MARK
        assert (edited["resid_mid", number] == expected).all()


def test_a_residual_that_cannot_be_written_is_not_editable(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the norm is given a copy, an edit of it would never reach the sum behind the MLP."""
    kind = type(blocks_of(make_runtime("llama").model)[0])

    def forward(self: Any, hidden_states: torch.Tensor, **others: Any) -> torch.Tensor:
        attended = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **others)[0]
        middle = hidden_states + attended
        result: torch.Tensor = middle + self.mlp(self.post_attention_layernorm(middle.clone()))
        return result

    monkeypatch.setattr(kind, "forward", forward)
    card = make_runtime("llama").card
    assert card.absent == ()
    assert {site.name for site in card.sites if not site.editable} == {"resid_mid"}


def test_measuring_a_baseline_leaves_no_trace(make_runtime: MakeRuntime, say: Say) -> None:
    """Scans, random numbers and the conversation are those of a model that had the baseline before."""
    runtime, other = make_runtime("llama"), make_runtime("llama")
    means = [Edit(site="mlp_act", layer=1, units=(0, 1), op="mean")]
    other.apply_edits(means)
    say(other, "on the mat")
    for each in (runtime, other):
        each.apply_edits(means)
        each.capture(CapturePlan((("mlp_act", (1,)),)))
    settings = {"temperature": 1.0, "seed": 4, "max_new_tokens": 5}
    given, expected = say(runtime, "the cat", **settings), say(other, "the cat", **settings)
    assert given.listener.tokens == expected.listener.tokens
    assert len(given.listener.scans) == len(expected.listener.scans)
    assert runtime.context() == other.context()


def test_a_baseline_is_measured_once_and_without_the_standing_edits(
    make_runtime: MakeRuntime, say: Say
) -> None:
    runtime = make_runtime("llama")
    passes: list[int] = []
    first: nn.Module = blocks_of(runtime.model)[0]
    first.register_forward_pre_hook(lambda _m, args: passes.append(args[0].shape[1]))
    ablation = Edit(site="resid_post", layer=0, units=tuple(range(32)), value=0.0)
    means = Edit(site="mlp_act", layer=1, units=(0,), op="mean")
    runtime.apply_edits([ablation, means])
    runtime.capture(CapturePlan((("mlp_act", (1,)),)))
    edited = say(runtime, "the cat").listener.scans[-1].rows[0, 0]
    say(runtime, "the cat")
    calibration = len(runtime._calibration())
    assert passes.count(calibration) == 1
    with runtime.record("mlp_act", [1]) as recording, torch.no_grad():
        runtime.apply_edits([])
        runtime.model(torch.tensor([runtime._calibration()]))
    ordinary = [token not in runtime._vocabulary.special for token in runtime._calibration()]
    assert edited == pytest.approx(recording.rows[ordinary, 0, 0].mean(), rel=1e-5)


def test_a_baseline_measured_in_inference_mode_serves_gradients_too(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama")
    runtime.apply_edits(
        [
            Edit(site="mlp_act", layer=1, units=(0,), op="mean"),
            Edit(site="resid_mid", layer=1, units=(1,), value=2.0),
        ]
    )
    with runtime.hooked():
        with torch.inference_mode():
            expected = runtime.model(BATCH).logits.clone()
        logits = runtime.model(BATCH).logits
        logits.sum().backward()
    assert torch.equal(logits, expected)
    assert blocks_of(runtime.model)[0].get_parameter("mlp.up_proj.weight").grad is not None


def test_a_batch_of_another_size_than_the_variants_is_refused(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime("llama")
    with (
        runtime._instruments.attached(variants=[[], []]),
        pytest.raises(ValueError, match="3 rows, but there are 2 variants"),
    ):
        runtime.model(BATCH)


def test_what_is_off_leaves_the_models_own_tensor(make_runtime: MakeRuntime) -> None:
    """An edit whose turn has not come costs no copy."""
    runtime = make_runtime("llama")
    runtime.apply_edits([edit(positions="generated")])
    with runtime.hooked():
        runtime.model(BATCH)
        compiled = runtime._instruments._interventions._standing
        assert compiled is not None
        program = compiled[1].programs["mlp_act", 1]
        value = torch.ones(3, 5, 48)
        assert program.apply(value, 5) is value
