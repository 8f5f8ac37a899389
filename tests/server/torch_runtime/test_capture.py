"""How scans come: which, in which order, and that they are never wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.runtime import CapturePlan, ScanEvent, TokenEvent
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import MakeRuntime, Say

ALL_LAYERS = (0, 1, 2)
POST = CapturePlan((("resid_post", ALL_LAYERS),))


def test_prompt_tokens_come_first_then_their_scans_then_each_token_and_its_scan(
    endless: TorchRuntime, say: Say
) -> None:
    endless.capture(POST)
    events = say(endless, "the cat", max_new_tokens=3).listener.events
    prompt = len([event for event in events if isinstance(event, TokenEvent) and event.phase == "prompt"])
    order = [(type(event), event.phase, event.number) for event in events]
    expected: list[tuple[type, str, int]] = [(TokenEvent, "prompt", number) for number in range(prompt)]
    expected += [(ScanEvent, "prompt", number) for number in range(prompt)]
    for number in range(prompt, prompt + 3):
        expected += [(TokenEvent, "generate", number), (ScanEvent, "generate", number)]
    assert order == expected[:-1]  # the last sampled token is never read by the model


@pytest.mark.parametrize("wanted", [0, 1, 3, 1000])
def test_only_the_last_positions_of_a_prompt_are_scanned(
    endless: TorchRuntime, say: Say, wanted: int
) -> None:
    endless.capture(CapturePlan(POST.sites, prompt_positions=wanted))
    listener = say(endless, "the cat sat on the mat").listener
    prompt = len([token for token in listener.tokens if token.phase == "prompt"])
    numbers = [scan.number for scan in listener.scans if scan.phase == "prompt"]
    assert numbers == list(range(max(0, prompt - wanted), prompt))
    with endless.record("resid_post") as recording, torch.no_grad():
        endless.model(torch.tensor([[token.id for token in listener.tokens]]))
    for scan in listener.scans:
        np.testing.assert_allclose(
            np.asarray(scan.rows, np.float32), recording.rows[scan.number], rtol=1e-4, atol=1e-5
        )


def test_prompt_and_reply_agree_with_one_pass_over_the_whole_text(endless: TorchRuntime, say: Say) -> None:
    endless.capture(POST)
    listener = say(endless, "the cat sat", max_new_tokens=8).listener
    ids = torch.tensor([[token.id for token in listener.tokens]])
    with endless.record("resid_post") as recording, torch.no_grad():
        endless.model(ids)
    rows = np.stack([scan.rows for scan in listener.scans])
    np.testing.assert_allclose(rows, recording.rows[:-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "name", "array"),
    [
        (torch.float32, "f32", "float32"),
        (torch.float16, "f16", "float16"),
        (torch.bfloat16, "bf16", "uint16"),
    ],
)
def test_rows_travel_in_the_models_own_dtype(
    make_runtime: MakeRuntime, say: Say, dtype: torch.dtype, name: str, array: str
) -> None:
    runtime = make_runtime("llama", dtype)
    runtime.capture(CapturePlan((("mlp_act", (2,)),)))
    scans = say(runtime, "the cat").listener.scans
    assert {(scan.dtype, str(scan.rows.dtype), scan.rows.shape) for scan in scans} == {(name, array, (1, 48))}
    assert runtime.card.dtype == name


def test_rows_belong_to_the_receiver(endless: TorchRuntime, say: Say) -> None:
    """Scribbling over every row must not reach the model: a single layer is a copy too."""
    endless.capture(CapturePlan((("resid_post", (1,)),)))
    expected = say(endless, "the cat").outcome.text

    class Scribbler:
        def token(self, event: TokenEvent) -> None:
            pass

        def scan(self, event: ScanEvent) -> None:
            event.rows[:] = 1e6

    assert say(endless, "the cat", sink=Scribbler()).outcome.text == expected


def test_a_site_that_the_model_writes_to_later_is_copied(make_runtime: MakeRuntime, say: Say) -> None:
    """Falcon adds its attention to its MLP's output in place, after the MLP has given it."""
    runtime = make_runtime("falcon")
    overwritten = {name for name, site in runtime._sites.items() if site.overwritten}
    assert overwritten == {"mlp_out"}


def test_a_scan_is_left_out_rather_than_wrong_when_the_model_writes_later(
    endless: TorchRuntime, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    endless.capture(CapturePlan((("resid_post", (0,)), ("mlp_out", (0,)))))
    values: list[torch.Tensor] = []

    def scribble(_module: object, args: tuple[torch.Tensor, ...]) -> None:
        values.append(args[0].clone())
        args[0].mul_(2)  # the next block writes to its input, as the load check could not foresee

    handle = endless.model.model.layers[1].register_forward_pre_hook(scribble)
    listener = say(endless, "the cat", max_new_tokens=3).listener
    handle.remove()
    post = [scan for scan in listener.scans if scan.site == "resid_post"]
    assert [scan.phase for scan in post] == ["generate", "generate"]  # the prompt's were lost, and it said so
    for scan, value in zip(post, values[1:], strict=True):
        assert (scan.rows[0] == value[0, 0].numpy()).all()
    assert "`resid_post`" in caplog.text
    assert len([scan for scan in listener.scans if scan.site == "mlp_out"]) > len(post)


def test_a_plan_for_a_site_or_layer_that_is_not_there_is_refused(endless: TorchRuntime) -> None:
    with pytest.raises(ValueError, match="no site `nose` here"):
        endless.capture(CapturePlan((("nose", (0,)),)))
    with pytest.raises(ValueError, match="no layer 3; this model has layers 0 to 2"):
        endless.capture(CapturePlan((("resid_post", (0, 3)),)))


def hooks_of(model: PreTrainedModel) -> list[Callable[..., Any]]:
    return [
        hook
        for module in model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        if hook.__module__.startswith("llmri_server")
    ]


def test_no_hook_stays_after_a_turn_or_after_an_error(endless: TorchRuntime, say: Say) -> None:
    endless.capture(POST)
    endless.apply_edits([Edit(site="mlp_act", layer=0, units=(1,), value=0.0)])
    say(endless, "the cat")
    assert hooks_of(endless.model) == []

    class Broken:
        def token(self, event: TokenEvent) -> None:
            if event.phase == "generate":
                assert hooks_of(endless.model)
                raise RuntimeError("boom")

        def scan(self, event: ScanEvent) -> None:
            pass

    with pytest.raises(RuntimeError, match="boom"):
        say(endless, "the cat", sink=Broken())
    assert hooks_of(endless.model) == []
    assert endless._instruments._installation.kept == []
    assert say(endless, "the cat").outcome.tokens == 6


def test_the_clock_counts_hooks_only_while_it_is_asked_to(endless: TorchRuntime, say: Say) -> None:
    endless.capture(POST)
    with endless.timed() as clock:
        say(endless, "the cat", max_new_tokens=4)
    assert clock.calls == 4 * (len(ALL_LAYERS) + 1)
    assert clock.nanoseconds > 0
    counted = clock.calls
    say(endless, "the cat", max_new_tokens=4)
    assert clock.calls == counted
