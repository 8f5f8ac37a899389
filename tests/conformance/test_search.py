"""The search for protected units between turns: nothing that is kept, said, scanned or averaged notices."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.protection import Examination, massive
from llmri_server.runtime import CapturePlan, Runtime, Sampling
from tests.conformance.conftest import Tokenizer, llama_under_test, torch_under_test
from tests.server.torch_runtime.tiny_models import Listener, assistant, user

PIECES = 13  # between two turns: magnitudes, means and ablations come to be
EDITS = (
    Edit(site="resid_post", layer=0, units=(1, 2), op="mean", baseline="conversation"),
    Edit(site="resid_post", layer=1, units=(3,), op="mean"),
    Edit(site="mlp_act", layer=1, units=(4, 5), op="resample"),
    Edit(site="mlp_out", layer=1, units=(6,), value=0.0),
)


@pytest.fixture(params=["torch float32", "torch bfloat16", "llama.cpp"])
def fresh(request: pytest.FixtureRequest, tokenizer: Tokenizer, tmp_path: Path) -> Callable[[], Runtime]:
    kind, _, dtype = request.param.partition(" ")

    def make() -> Runtime:
        if kind == "torch":
            return torch_under_test("llama", dtype, tokenizer).runtime
        return llama_under_test("llama", tmp_path).runtime

    return make


def held(runtime: Runtime, pieces: int) -> tuple[list[Listener], list[object], list[object]]:
    """Hold a conversation with so much of the search before each turn; give all that is heard and kept."""
    examination = Examination(runtime, 1.0)
    runtime.capture(CapturePlan(tuple((site.name, (0, 1)) for site in runtime.card.sites)))
    heard: list[Listener] = []
    kept: list[object] = []
    conversation = [user("the cat")]
    for edits in ((), EDITS, EDITS):
        for _ in range(pieces):
            assert examination.advance()
        runtime.apply_edits(edits)
        listener = Listener()
        outcome = runtime.generate(conversation, Sampling(max_new_tokens=4), listener, threading.Event())
        conversation = [*conversation, assistant(outcome.text), user("and then")]
        heard.append(listener)
        kept.append((outcome, runtime.context(), runtime.stale()))
    for _ in range(pieces):
        examination.advance()
    assert examination.done == 4 * pieces
    kept.append(runtime.refill())
    means = runtime.measure(runtime.context(), [EDITS], logits=2).logits.tobytes()
    return heard, kept, [means]


def test_a_conversation_with_the_search_between_its_turns_is_the_same_bits(
    fresh: Callable[[], Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive, "LEAST_MAGNITUDE", 0.1)  # so that means are measured, too
    monkeypatch.setattr(massive, "LEAST_RATIO", 4.0)
    heard, kept, means = held(fresh(), PIECES)
    quiet, before, undisturbed = held(fresh(), 0)
    assert kept == before
    assert means == undisturbed
    for one, other in zip(heard, quiet, strict=True):
        assert one.tokens == other.tokens
        assert len(one.scans) == len(other.scans) > 0
        for scan, same in zip(one.scans, other.scans, strict=True):
            assert (scan.number, scan.site, scan.layers) == (same.number, same.site, same.layers)
            assert np.array_equal(scan.rows, same.rows)
