"""Measurements know which positions were prompt and which were generated, after whatever turn."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from llmri_protocol.messages import (
    Attribute,
    Attribution,
    Chat,
    Compare,
    Comparison,
    Edit,
    Error,
    Influence,
    Intervene,
    LogitLens,
    MeasureInfluence,
    ReadLens,
    Reply,
    Schedule,
    Token,
    TurnEnd,
    Welcome,
)
from llmri_server import Server, Settings
from llmri_server.llama_runtime import Options, load
from llmri_server.runtime import Runtime
from llmri_server.torch_runtime import assemble
from tests.conformance.by_hand import ByHand
from tests.conformance.conftest import Tokenizer
from tests.gguf_models import gguf_model
from tests.server.fakes import Viewer
from tests.server.torch_runtime.tiny_models import tiny_model

CONTEXT, MOST = 64, 12
UNITS: dict[str, Any] = {"site": "mlp_act", "layer": 0, "units": tuple(range(24)), "value": 0.0}
BREAKING = Edit(site="mlp_act", layer=1, units=tuple(range(48)), op="set", value=3e38)
NO_ROOM = "Zwölf Boxkämpfer jagen Viktor quer. " * 4
Spoiling = Callable[[Viewer], None]


def conditions(prompt: int) -> tuple[dict[str, Any], ...]:
    return (
        {"positions": "generated"},
        {"positions": "prompt"},
        {"schedule": Schedule(first=1, tokens=4, ramp=3)},
        {"positions": "generated", "since": prompt + 2},
        {"positions": "last"},
    )


def in_torch(tokenizer: Tokenizer, _folder: Path) -> tuple[Runtime, ByHand]:
    runtime = assemble(tiny_model("llama", max_position_embeddings=CONTEXT), tokenizer, name="tiny")
    runtime.model.generation_config.eos_token_id = None
    twin = assemble(tiny_model("llama", max_position_embeddings=CONTEXT), tokenizer, name="tiny")
    return runtime, ByHand(twin, "llama")


def in_llama_cpp(_tokenizer: Tokenizer, folder: Path) -> tuple[Runtime, ByHand]:
    made = gguf_model("llama", folder)
    options = Options(threads=1, context=CONTEXT, exact_cache=True, flash_attention="off")
    runtime = load(made.path, options)
    runtime.vocabulary.ends = frozenset()
    return runtime, ByHand(assemble(made.model, made.tokenizer, name="tiny"), "llama")


@contextlib.contextmanager
def served(runtime: Runtime) -> Iterator[Viewer]:
    with Server(runtime, Settings(port=0, max_new_tokens=MOST, temperature=0.0)) as server:
        viewer = Viewer(server.address)
        viewer.expect(Welcome)
        yield viewer
        viewer.close()


def chat(viewer: Viewer, text: str, **more: Any) -> list[Token]:
    viewer.tell(Chat, text=text, **more)
    return [message for message in viewer.until(TurnEnd) if isinstance(message, Token)]


def no_room(viewer: Viewer) -> None:
    assert not chat(viewer, NO_ROOM)


def failing(viewer: Viewer) -> None:
    viewer.tell(Intervene, edits=(BREAKING,), force=True)
    viewer.last(Reply)
    chat(viewer, "the dog")
    viewer.tell(Intervene, edits=(), replace=True)
    viewer.last(Reply)


def nothing(_viewer: Viewer) -> None:
    """Spoil nothing."""


def kl(by_hand: ByHand, ids: tuple[int, ...], edit: Edit, prompt: int) -> float:
    """Return the divergence of the next token with explicit ids and positions, from the twin's own passes."""
    if edit.positions == "last":  # while it was written, each token from the prompt's last on was the last
        edit = msgspec.structs.replace(edit, positions="all", since=prompt - 1)
    logits = (by_hand.measure(ids, [edits], prompt=prompt).logits[0, -1] for edits in ((), (edit,)))
    plain, edited = (torch.log_softmax(torch.tensor(each).double(), -1) for each in logits)
    return float((plain.exp() * (plain - edited)).sum())


@pytest.mark.parametrize("spoil", [nothing, no_room, failing])
@pytest.mark.parametrize("make", [in_torch, in_llama_cpp])
def test_positions_are_those_of_the_turn_that_was_read(
    make: Callable[..., tuple[Runtime, ByHand]], spoil: Spoiling, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """The conversation is longer than the context, so old messages are left out."""
    runtime, by_hand = make(tokenizer, tmp_path)
    with served(runtime) as viewer:
        for text in ("the cat", "sat on the mat", "with the other"):
            told = chat(viewer, text)
        ids = runtime.context()
        chosen = [token.id for token in told if token.phase == "generate"]
        prompt = len(ids) - len(chosen) + 1
        assert ids[prompt:] == tuple(chosen[:-1])
        assert sum(token.phase == "prompt" for token in told) >= prompt - 2  # anew: the oldest were left out
        spoil(viewer)
        for each in conditions(prompt):
            edit = Edit(**UNITS, **each)
            viewer.tell(MeasureInfluence, edits=(edit,))
            found = viewer.last(Influence)
            expected = kl(by_hand, ids, edit, prompt)
            assert found.positions == len(ids)
            assert found.kl == pytest.approx(expected, rel=2e-2, abs=1e-8)
            assert expected > 1e-9
        viewer.tell(ReadLens)
        lens = viewer.last(LogitLens)
        assert (lens.positions, lens.came and lens.came.id) == (len(ids), chosen[-1])


@pytest.mark.parametrize("make", [in_torch, in_llama_cpp])
def test_a_new_conversation_without_a_reply_has_nothing_to_measure_and_says_why(
    make: Callable[..., tuple[Runtime, ByHand]], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    runtime, _ = make(tokenizer, tmp_path)
    with served(runtime) as viewer:
        chat(viewer, "the cat")
        chat(viewer, NO_ROOM, new=True)
        for kind, fields in ((MeasureInfluence, {"edits": (Edit(**UNITS),)}), (ReadLens, {})):
            viewer.tell(kind, **fields)
            error = viewer.last(Error)
            assert error.code == "nothing_to_measure"
            assert "turn 2 left no room for a reply" in error.message
        viewer.tell(Compare, edits=(Edit(**UNITS),))
        error = viewer.last(Error)
        assert (error.code, str(CONTEXT) in error.message) == ("bad_field", True)
        viewer.tell(MeasureInfluence, edits=(Edit(**UNITS),), turn=1)
        assert viewer.last(Influence).positions


def test_a_failed_turn_leaves_the_other_measurements_well(tokenizer: Tokenizer, tmp_path: Path) -> None:
    runtime, _ = in_torch(tokenizer, tmp_path)
    with served(runtime) as viewer:
        chat(viewer, "the cat")
        length = len(runtime.context())
        failing(viewer)
        viewer.tell(Attribute, site="mlp_act", layer=0, checked=2)
        assert viewer.last(Attribution).target.id >= 0
        viewer.tell(MeasureInfluence, edits=(Edit(**UNITS),))
        assert viewer.last(Influence).positions == length
        viewer.tell(Compare, edits=(Edit(**UNITS),), most=4)
        assert viewer.last(Comparison).prompt == "the dog"


def test_a_comparison_of_a_trimmed_turn_reads_what_the_turn_read(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    runtime, by_hand = in_torch(tokenizer, tmp_path)
    with served(runtime) as viewer:
        for text in ("the cat", "sat on the mat", "with the other"):
            told = chat(viewer, text)
        ids = runtime.context()
        chosen = [token for token in told if token.phase == "generate"]
        prompt = len(ids) - len(chosen) + 1
        edit = Edit(**UNITS, positions="generated")
        viewer.tell(Compare, edits=(edit,))
        found = viewer.last(Comparison)
        assert [token.id for token in found.plain] == [token.id for token in chosen]
        expected = [kl(by_hand, ids[: prompt + number], edit, prompt) for number in range(len(chosen))]
        np.testing.assert_allclose(found.kl, expected, rtol=2e-2, atol=1e-7)
        viewer.tell(Compare, edits=(edit,), most=2)  # leaves more room for messages, which stay left out
        assert [token.id for token in viewer.last(Comparison).plain] == [token.id for token in chosen[:2]]
