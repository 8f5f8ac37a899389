"""Scans equal those of PyTorch, however llama.cpp divides the prompt."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime import LlamaRuntime, Options, load
from llmri_server.llama_runtime import context as contexts
from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import TorchRuntime
from tests.server.llama_runtime.turns import Everything, Generate, farthest, farthest_layer, place, rows_of
from tests.server.torch_runtime.tiny_models import Listener, assistant, user

FLOAT16 = 2e-3  # relative: what weights, products, keys and values in float16 may cost
PROMPT = "What is the capital of France?"
EDITS = (
    Edit(site="mlp_act", layer=2, units=tuple(range(40)), value=0.0),
    Edit(site="resid_post", layer=3, units=(5, 77), op="add", value=0.5, positions="generated"),
    Edit(site="z", layer=5, units=tuple(range(24)), value=1.5),
    Edit(site="resid_mid", layer=6, units=(9,), op="set", value=0.2),
    Edit(site="attn_out", layer=1, units=(3,), op="mean"),
    Edit(site="mlp_out", layer=7, units=(8, 9), op="resample", seed=3),
    Edit(site="resid_pre", layer=4, op="steer", value=0.2, direction=tuple([1.0, -1.0] * 96)),
)


both = pytest.mark.parametrize("edits", [(), EDITS], ids=["unedited", "edited"])


@both
def test_every_scan_in_float16_equals_that_of_pytorch_at_every_site_and_layer(
    pocket: LlamaRuntime,
    torch_pocket: TorchRuntime,
    generate: Generate,
    everything: Everything,
    edits: tuple[Edit, ...],
) -> None:
    ours, theirs = (watched(runtime, generate, everything, edits) for runtime in (pocket, torch_pocket))
    assert [token.id for token in ours.tokens] == [token.id for token in theirs.tokens]
    assert len(ours.scans) == 7 * (len(ours.tokens) - 1)
    assert farthest(ours.scans, theirs.scans) < FLOAT16


@both
def test_with_flash_attention_every_site_and_layer_does_over_a_turn(
    pocket_file: Path,
    torch_pocket: TorchRuntime,
    generate: Generate,
    everything: Everything,
    edits: tuple[Edit, ...],
) -> None:
    """It adds up in float16, which a token whose attention cancels out shows: 3e-3 of one scan's length."""
    flash = load(pocket_file, Options(threads=1, flash_attention="on"))
    ours, theirs = (watched(runtime, generate, everything, edits) for runtime in (flash, torch_pocket))
    assert [token.id for token in ours.tokens] == [token.id for token in theirs.tokens]
    assert farthest_layer(ours.scans, theirs.scans) < FLOAT16


def watched(
    runtime: LlamaRuntime | TorchRuntime,
    generate: Generate,
    everything: Everything,
    edits: Sequence[Edit],
) -> Listener:
    """Hold a turn under these edits that is scanned everywhere."""
    runtime.capture(everything(runtime))
    runtime.apply_edits(edits)
    try:
        return generate(runtime, PROMPT, max_new_tokens=12).listener
    finally:
        runtime.apply_edits(())
        runtime.capture(CapturePlan())


def test_a_prompt_in_many_passes_gives_the_same_scans(
    pocket: LlamaRuntime,
    pocket_file: Path,
    generate: Generate,
    everything: Everything,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contexts, "LARGEST_PASS", 4)
    divided = load(pocket_file, Options(threads=1, flash_attention="off"))
    turns = []
    for runtime in (divided, pocket):
        runtime.capture(CapturePlan(everything(runtime).sites, prompt_positions=7))
        runtime.apply_edits(EDITS)
        turns.append(generate(runtime, "Tell me a story about a fox.", max_new_tokens=4))
        runtime.apply_edits(())
        runtime.capture(CapturePlan())
    one, other = turns
    assert [token.id for token in one.listener.tokens] == [token.id for token in other.listener.tokens]
    prompt = [scan.number for scan in one.listener.scans if scan.site == "z" and scan.phase == "prompt"]
    assert len(prompt) == 7
    assert prompt == sorted(prompt)
    ours, theirs = (sorted(turn.listener.scans, key=place) for turn in turns)
    assert farthest(ours, theirs) < FLOAT16


def test_the_last_layer_is_scanned_at_every_position_of_the_prompt(
    runtime: LlamaRuntime, generate: Generate
) -> None:
    """There llama.cpp leaves out rows that give no logits, so scanned rows are made to give them."""
    runtime.capture(CapturePlan((("resid_post", (2,)), ("mlp_act", (0, 2)))))
    heard = generate(runtime, "the cat sat", max_new_tokens=3).listener
    positions = len(heard.tokens) - 1
    ids = [token.id for token in heard.tokens[:-1]]
    rows = runtime.measure(ids, [[]], sites=(("resid_post", (2,)),)).rows["resid_post"][0]
    scanned = [scan for scan in heard.scans if scan.site == "resid_post"]
    assert [scan.number for scan in scanned] == list(range(positions))
    for scan, row in zip(scanned, rows, strict=True):
        np.testing.assert_allclose(rows_of(scan), row, rtol=1e-4, atol=1e-5)


def test_capture_changes_nothing_that_is_said(runtime: LlamaRuntime, generate: Generate) -> None:
    plain = generate(runtime, "the cat sat").listener
    runtime.capture(CapturePlan((("resid_post", (0, 1)), ("z", (0, 1, 2)))))
    watched = generate(runtime, "the cat sat").listener
    assert watched.scans
    assert watched.tokens == plain.tokens
    runtime.capture(CapturePlan())
    assert generate(runtime, "the cat sat").listener.events == plain.events


def test_capture_of_the_last_layer_rounds_otherwise_and_no_more(
    runtime: LlamaRuntime, generate: Generate, everything: Everything
) -> None:
    """Its scanned rows are computed together with the one that gives logits."""
    plain = generate(runtime, "the cat sat").listener
    runtime.capture(everything(runtime))
    watched = generate(runtime, "the cat sat").listener
    for token, before in zip(watched.tokens, plain.tokens, strict=True):
        assert token.id == before.id
        assert token.logprob == pytest.approx(before.logprob, abs=1e-5)


def test_scans_belong_to_whoever_got_them(runtime: LlamaRuntime, generate: Generate) -> None:
    runtime.capture(CapturePlan((("resid_post", (0, 2)),)))
    scans = generate(runtime, "the cat sat").listener.scans
    copies = [scan.rows.copy() for scan in scans]
    generate(runtime, "on the mat")
    for scan, copy in zip(scans, copies, strict=True):
        assert scan.rows.flags.c_contiguous
        assert scan.rows.dtype == np.float32
        np.testing.assert_array_equal(scan.rows, copy)


def test_at_most_so_many_positions_of_a_prompt_are_scanned(runtime: LlamaRuntime, generate: Generate) -> None:
    for most in (0, 3, 1000):
        runtime.capture(CapturePlan((("resid_post", (0, 2)),), prompt_positions=most))
        heard = generate(runtime, "the cat sat", max_new_tokens=2).listener
        prompt = [token.number for token in heard.tokens if token.phase == "prompt"]
        scans = [scan.number for scan in heard.scans if scan.phase == "prompt"]
        assert scans == prompt[max(0, len(prompt) - most) :]


def test_a_later_turn_scans_its_new_positions_from_0(runtime: LlamaRuntime, generate: Generate) -> None:
    first = generate(runtime, "the cat")
    runtime.capture(CapturePlan((("resid_post", (2,)),)))
    conversation = [user("the cat"), assistant(first.outcome.text), user("sat")]
    heard = generate(runtime, conversation, max_new_tokens=3).listener
    scans = [scan.number for scan in heard.scans]
    assert scans == [token.number for token in heard.tokens[:-1]]
    assert scans == list(range(len(scans)))


@pytest.mark.parametrize("wanted", [("nose", (0,)), ("resid_post", (3,)), ("resid_post", (-1,))])
def test_a_plan_that_names_what_is_not_there_is_refused(
    runtime: LlamaRuntime, wanted: tuple[str, tuple[int, ...]]
) -> None:
    with pytest.raises(ValueError, match=r"there is no (site `nose`|layer)"):
        runtime.capture(CapturePlan((wanted,)))
    with pytest.raises(ValueError, match=r"there is no (site `nose`|layer)"):
        runtime.measure((5, 6), [[]], sites=(wanted,))
