"""What the callback promises: failures surface, stale graphs are noticed, each node is asked for by heart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.llama_runtime import LlamaRuntime
from llmri_server.llama_runtime.discovery import discover
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.interventions import Compiled
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.node_handlers import NodeHandlers
from llmri_server.llama_runtime.recognition import Recogniser
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtime import CapturePlan, SiteLayers
from tests.gguf_models import GgufModel
from tests.server.llama_runtime.conftest import EXACT
from tests.server.llama_runtime.turns import Generate

EVERYWHERE: SiteLayers = (("resid_post", (0, 1, 2)), ("z", (0, 1, 2)))
UNEDITED = Compiled()
IDS = (5, 104, 101, 9, 99, 31, 260)


@pytest.fixture
def watch(tiny: Callable[[str], GgufModel]) -> Watch:
    return watch_of(tiny("llama").path)


def watch_of(path: Path) -> Watch:
    model = Model(engine(), path, EXACT)
    return Watch(model, discover(model), frozenset())


def step(watch: Watch, position: int, wanted: SiteLayers = EVERYWHERE) -> dict[str, Any]:
    """Compute one position and give its rows and logits."""
    rows, logits = watch.run(
        IDS[position : position + 1],
        first=position,
        prompt=1,
        compiled=UNEDITED,
        wanted=wanted,
        kept=1,
        logits=1,
    )
    return {**rows, "logits": logits.copy()}


def test_nodes_are_recognised_once_while_llama_cpp_reuses_its_graph(watch: Watch) -> None:
    labelled = 0
    recogniser = watch.observer._recogniser
    labels = recogniser.labels

    def counting(address: int) -> Any:
        nonlocal labelled
        labelled += 1
        return labels(address)

    recogniser.labels = counting  # type: ignore[method-assign]
    step(watch, 0)
    first = labelled
    for position in range(1, 7):
        step(watch, position)
    assert first > 90
    assert labelled == first
    assert watch.observer.rebuilt == 1


def test_a_graph_that_is_built_anew_is_noticed(watch: Watch) -> None:
    expected = [step(watch, position) for position in range(7)]
    watch.context.keep(0)
    rows, _ = watch.run(IDS, first=0, prompt=7, compiled=UNEDITED, wanted=EVERYWHERE, kept=7, logits=1)
    assert watch.observer.rebuilt == 2
    for position in range(7):
        for site, _ in EVERYWHERE:
            np.testing.assert_allclose(rows[site][position], expected[position][site][0], atol=1e-5)
    watch.context.keep(6)
    np.testing.assert_allclose(step(watch, 6)["logits"], expected[6]["logits"], atol=1e-5)
    assert watch.observer.rebuilt == 3


def test_a_graph_at_other_addresses_ends_the_pass_and_the_next_one_works(watch: Watch) -> None:
    expected = step(watch, 0)
    watch.context.keep(0)
    begin = watch.observer.begin

    def begin_knowing_all(count_reused: Callable[[], int]) -> None:
        addresses = [*watch.observer._unwanted, *watch.observer._places]
        begin(count_reused)
        watch.observer._unwanted.update(dict.fromkeys(addresses, False))  # no ask tells that it has begun

    watch.observer.begin = begin_knowing_all  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="moved its graph to other addresses unnoticed"):
        step(watch, 0)
    watch.observer.begin = begin  # type: ignore[method-assign]
    watch.context.keep(0)
    assert_equal(step(watch, 0), expected)


def test_what_is_wanted_may_change_while_the_graph_is_reused(watch: Watch) -> None:
    both = step(watch, 0)
    assert step(watch, 1, ()).keys() == {"logits"}
    only = step(watch, 2, (("z", (1,)),))
    assert only["z"].shape == (1, 1, 32)
    watch.context.keep(0)
    assert_equal(step(watch, 0), both)


@pytest.mark.parametrize("failure", [ValueError("broken"), KeyboardInterrupt()])
def test_an_exception_in_the_callback_is_raised_after_the_pass(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    expected = step(watch, 0)
    watch.context.keep(0)

    def fail(*_: object, **__: object) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(NodeHandlers, "_work", fail)
        with pytest.raises(type(failure)):
            watch.run(IDS, first=0, prompt=7, compiled=UNEDITED, wanted=EVERYWHERE, kept=7, logits=1)
    watch.context.keep(0)
    assert_equal(step(watch, 0), expected)


def test_an_exception_while_a_node_is_recognised_is_raised_too(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("unknown")

    monkeypatch.setattr(Recogniser, "labels", fail)
    with pytest.raises(LookupError):
        step(watch, 0)


def test_a_turn_in_which_the_callback_fails_never_gives_logits_of_an_earlier_pass(
    runtime: LlamaRuntime, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.capture(CapturePlan((("resid_post", (1,)),)))
    runtime.apply_edits([Edit(site="mlp_act", layer=1, units=(3,), op="add", value=2.0)])
    before = generate(runtime, "the cat sat")
    with monkeypatch.context() as broken:
        broken.setattr(NodeHandlers, "_write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate(runtime, "the cat sat")
    assert runtime.context() == ()
    assert generate(runtime, "the cat sat").listener.tokens == before.listener.tokens


def test_a_graph_without_a_wanted_node_ends_the_pass(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else rows that nobody wrote would be handed on."""
    expected = step(watch, 0)
    watch.context.keep(0)
    with monkeypatch.context() as missing:
        known = Recogniser.labels
        without_z = lambda *given: [label for label in known(*given) if label.site != "z"]  # noqa: E731
        missing.setattr(Recogniser, "labels", without_z)
        watch.observer._forget()
        with pytest.raises(RuntimeError, match="3 nodes were shown, expected 6: this pass"):
            step(watch, 0)
    watch.context.keep(0)
    assert_equal(step(watch, 0), expected)


def test_nodes_that_share_a_name_are_told_apart_by_their_operation(watch: Watch) -> None:
    """`Qcur-0` is a MUL_MAT, a RESHAPE and a ROPE, and an edit of one is written once."""
    writes = 0
    put = watch._ggml.put

    def counting(*arguments: int) -> None:
        nonlocal writes
        writes += 1
        put(*arguments)

    class Adding:
        def apply(self, rows: Any, *_: object, **__: object) -> bool:
            rows += 1
            return True

    watch._ggml.put = counting
    try:
        program: Any = Adding()
        compiled = Compiled((), {("resid_post", 1): program, ("resid_pre", 2): program})
        rows, _ = watch.run(
            IDS[:1],
            first=0,
            prompt=1,
            compiled=compiled,
            wanted=(("resid_post", (1,)), ("resid_pre", (2,))),
            kept=1,
        )
    finally:
        watch._ggml.put = put
    assert writes == 1  # both places are one node
    np.testing.assert_allclose(rows["resid_pre"], rows["resid_post"] + 1, rtol=1e-6)


def test_a_pass_without_logits_leaves_no_rows_in_the_last_layer(watch: Watch) -> None:
    seen: list[int] = []
    work = NodeHandlers._read

    def reading(self: NodeHandlers, address: int, count: int, width: int, half: bool) -> Any:
        seen.append(count)
        return work(self, address, count, width, half)

    NodeHandlers._read = reading  # type: ignore[method-assign]
    try:
        watch.run(IDS, first=0, prompt=9, compiled=UNEDITED, wanted=(("resid_post", (1, 2)),), kept=0)
    finally:
        NodeHandlers._read = work  # type: ignore[method-assign]
    assert seen == [7]  # layer 1 alone


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])
