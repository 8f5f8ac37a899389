"""What edits leave behind, and steering as llama.cpp does it itself."""

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from llmri_protocol.messages import Edit, Positions
from llmri_server.llama_runtime import LlamaRuntime, load
from llmri_server.llama_runtime import context as contexts
from llmri_server.runtime import CapturePlan, UnsupportedError
from tests.gguf_models import GgufModel
from tests.server.llama_runtime.conftest import EXACT
from tests.server.llama_runtime.turns import Everything, Generate
from tests.server.torch_runtime.tiny_models import assistant, user

IDS = (5, 104, 101, 9, 99, 31, 260)


def edits_everywhere(runtime: LlamaRuntime) -> list[Edit]:
    return [
        Edit(site=site.name, layer=layer, units=(1, site.width - 1), op="add", value=3.0)
        for site in runtime.card.sites
        for layer in range(runtime.card.layers)
    ]


def test_after_clear_every_bit_is_that_of_a_run_that_never_had_an_edit(
    runtime: LlamaRuntime, generate: Generate, everything: Everything
) -> None:
    runtime.capture(everything(runtime))
    before = generate(runtime, "the cat sat on")
    runtime.apply_edits(edits_everywhere(runtime))
    edited = generate(runtime, "the cat sat on")
    assert edited.listener.tokens != before.listener.tokens
    runtime.apply_edits([])
    after = generate(runtime, "the cat sat on")
    assert after.listener.tokens == before.listener.tokens
    for scan, earlier in zip(after.listener.scans, before.listener.scans, strict=True):
        np.testing.assert_array_equal(scan.rows, earlier.rows)


def test_logits_after_clear_are_exactly_those_before(runtime: LlamaRuntime) -> None:
    before = runtime.measure(IDS, [[]], logits=7).logits
    edited = runtime.measure(IDS, [edits_everywhere(runtime)], logits=7).logits
    assert not np.array_equal(edited, before)
    np.testing.assert_array_equal(runtime.measure(IDS, [[]], logits=7).logits, before)


def test_steering_is_what_llama_cpps_own_control_vector_does(runtime: LlamaRuntime) -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(2, 32)).astype(np.float32)  # layer 0 has none there
    steers = [
        Edit(site="resid_post", layer=layer, op="steer", value=1.5, direction=tuple(direction.tolist()))
        for layer, direction in enumerate(directions, start=1)
    ]
    ours = runtime.measure(IDS, [steers], logits=7).logits[0]
    with_vector(runtime, 1.5 * directions.ravel(), (1, 2))
    theirs = runtime.measure(IDS, [[]], logits=7).logits[0]
    with_vector(runtime, None, (1, 2))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(theirs - runtime.measure(IDS, [[]], logits=7).logits[0]).max() > 0.1


def with_vector(
    runtime: LlamaRuntime, values: npt.NDArray[np.float32] | None, layers: tuple[int, int]
) -> None:
    """Give the second context, where measurements run, a control vector; None takes it away."""
    lib, pointer = runtime._model.engine.lib, runtime._aside.context.pointer
    data = None if values is None else values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    length = 0 if values is None else values.size
    assert lib.llama_set_adapter_cvec(pointer, data, length, runtime.card.hidden_size, *layers) == 0


def test_every_site_feels_an_edit_at_the_position_that_it_names(runtime: LlamaRuntime) -> None:
    plain = runtime.measure(IDS, [[]], logits=7).logits[0]
    for site in runtime.card.sites:
        edits = [Edit(site=site.name, layer=1, units=(2,), op="add", value=5.0, positions=(4,))]
        logits = runtime.measure(IDS, [edits], logits=7).logits[0]
        changed = [bool((row != before).any()) for row, before in zip(logits, plain, strict=True)]
        assert changed == [False] * 4 + [True] * 3, site.name


@pytest.mark.parametrize("positions", ["all", "prompt", "generated", "last", (2, 3, 6)])
def test_a_sequence_in_many_passes_feels_an_edit_where_it_does_in_one(
    tiny: Callable[[str], GgufModel],
    runtime: LlamaRuntime,
    monkeypatch: pytest.MonkeyPatch,
    positions: Positions,
) -> None:
    runtime.measure(IDS, [[]])  # makes the context in which it measures
    monkeypatch.setattr(contexts, "LARGEST_PASS", 3)
    divided = load(tiny("llama").path, EXACT)
    for site in runtime.card.sites:
        edits = [Edit(site=site.name, layer=1, units=(2,), op="add", value=5.0, positions=positions)]
        one, many = (each.measure(IDS, [edits], logits=7, prompt=4).logits for each in (runtime, divided))
        np.testing.assert_allclose(one, many, atol=1e-4, err_msg=site.name)


def test_an_edited_value_is_what_the_scan_shows(runtime: LlamaRuntime, generate: Generate) -> None:
    for site in runtime.card.sites:
        runtime.capture(CapturePlan(((site.name, (0, 1, 2)),)))
        runtime.apply_edits([Edit(site=site.name, layer=2, units=(3,), op="set", value=0.125)])
        for scan in generate(runtime, "the cat", max_new_tokens=3).listener.scans:
            assert scan.rows[2, 3] == 0.125
            assert scan.rows[1, 3] != 0.125


def test_an_edit_between_two_tokens_is_felt_from_the_next_on(
    runtime: LlamaRuntime, generate: Generate
) -> None:
    first = generate(runtime, "the cat")
    conversation = [user("the cat"), assistant(first.outcome.text), user("sat")]
    plain = generate(runtime, conversation)
    generate(runtime, "the cat")
    runtime.apply_edits([Edit(site="resid_post", layer=0, units=(3,), op="add", value=9.0)])
    assert runtime.stale()
    edited = generate(runtime, conversation)
    assert edited.listener.tokens[0] == plain.listener.tokens[0]
    assert edited.listener.tokens != plain.listener.tokens
    assert runtime.stale()


def test_gradients_are_refused_with_a_way_out(runtime: LlamaRuntime) -> None:
    assert not runtime.card.attributable
    with pytest.raises(UnsupportedError, match="computes no gradients"):
        runtime.attribute(IDS, "mlp_act", 1)


def test_a_measurement_is_the_same_whatever_was_measured_beside_it(runtime: LlamaRuntime) -> None:
    edits: list[Sequence[Edit]] = [[], edits_everywhere(runtime), []]
    together = runtime.measure(IDS, edits, logits=2).logits
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[1], runtime.measure(IDS, [edits[1]], logits=2).logits[0])
