"""Measurements between the turns of a served model: the conversation never notices."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from llmri_protocol.messages import (
    Attribute,
    Chat,
    Command,
    Compare,
    Comparison,
    Edit,
    Error,
    Influence,
    Intervene,
    MeasureInfluence,
    Notice,
    Reply,
    Token,
    TurnEnd,
    Welcome,
)
from llmri_server import Server, Settings
from llmri_server.torch_runtime import TorchRuntime
from tests.server.fakes import Viewer
from tests.server.torch_runtime.tiny_models import MakeRuntime

ABLATION = Edit(site="mlp_act", layer=1, units=tuple(range(24)), value=0.0)
MEASUREMENTS: list[tuple[type[Command], dict[str, Any]]] = [
    (MeasureInfluence, {"edits": (ABLATION,)}),
    (MeasureInfluence, {"edits": (ABLATION,), "text": "the cat sat"}),
    (Attribute, {"site": "z", "layer": 1, "checked": 5}),
    (Attribute, {"site": "resid_post", "layer": 0, "checked": 0, "method": "integrated"}),
    (Compare, {"edits": (ABLATION,), "most": 4}),
    (Compare, {"prompt": "other words", "most": 4, "edits": (ABLATION,)}),
]


@contextlib.contextmanager
def served(runtime: TorchRuntime) -> Iterator[Viewer]:
    settings = Settings(port=0, temperature=0.8, top_k=0, seed=3, max_new_tokens=8, max_clients=2)
    with Server(runtime, settings) as server:
        viewer = Viewer(server.address)
        viewer.expect(Welcome)
        yield viewer
        viewer.close()


def said(viewer: Viewer, text: str) -> list[Token]:
    viewer.tell(Chat, text=text)
    return [message for message in viewer.until(TurnEnd) if isinstance(message, Token)]


def measure(viewer: Viewer, kind: type[Command], fields: dict[str, Any]) -> None:
    number = viewer.tell(kind, **fields)
    while (answer := viewer.receive()) and getattr(answer, "id", None) != number:
        pass
    while not isinstance(answer, Reply):
        assert not isinstance(answer, Error), answer.message
        answer = viewer.receive()


def whole_tokens(tokens: list[Token]) -> list[tuple[int, str, float | None]]:
    return [(token.id, token.phase, token.logprob) for token in tokens]


@pytest.mark.parametrize("standing", [(), (Edit(site="resid_post", layer=0, units=(3,), value=2.0),)])
def test_the_next_turn_is_the_same_after_any_measurement(
    make_runtime: MakeRuntime, standing: tuple[Edit, ...]
) -> None:
    turns = []
    for measuring in (False, True):
        with served(make_runtime()) as viewer:
            viewer.tell(Intervene, edits=standing, replace=True)
            viewer.last(Reply)
            first = said(viewer, "the cat")
            if measuring:
                for kind, fields in MEASUREMENTS:
                    measure(viewer, kind, fields)
            turns.append((whole_tokens(first), whole_tokens(said(viewer, "sat on"))))
    assert turns[0] == turns[1]


def test_comparing_twice_gives_the_same_and_agrees_with_the_turn(make_runtime: MakeRuntime) -> None:
    with served(make_runtime()) as viewer:
        tokens = [token for token in said(viewer, "the cat") if token.phase == "generate"]
        found: list[Comparison] = []
        for _ in range(2):
            viewer.tell(Compare, edits=(ABLATION,))
            found.append(viewer.last(Comparison))
    one, other = found
    assert (one.plain, one.edited, one.kl) == (other.plain, other.edited, other.kl)
    assert [token.id for token in one.plain] == [token.id for token in tokens]
    for number, token in enumerate(one.plain):
        assert token.logprob == pytest.approx(tokens[number].logprob, abs=1e-4)
    assert len(one.kl) == len(one.plain)
    assert max(one.kl) > 0


def test_influence_of_a_standing_edit_is_measured_against_the_model_as_it_is(
    make_runtime: MakeRuntime,
) -> None:
    with served(make_runtime()) as viewer:
        viewer.tell(MeasureInfluence, edits=(ABLATION,), text="the cat sat on the mat")
        before = viewer.last(Influence)
        viewer.tell(Intervene, edits=(ABLATION,), force=True)
        viewer.last(Reply)
        viewer.tell(MeasureInfluence, edits=(ABLATION,), text="the cat sat on the mat")
        after = viewer.last(Influence)
    assert before.data == after.data
    assert before.kl == after.kl > 0


def test_influence_knows_which_positions_of_the_conversation_were_generated(
    make_runtime: MakeRuntime,
) -> None:
    runtime = make_runtime()
    with served(runtime) as viewer:
        tokens = said(viewer, "the cat")
        prompt = sum(token.phase == "prompt" for token in tokens)
        length = len(runtime.context())
        maps = []
        for positions in ("generated", tuple(range(prompt, length)), "prompt"):
            edit = Edit(site="mlp_act", layer=1, units=tuple(range(24)), positions=positions)
            viewer.tell(MeasureInfluence, edits=(edit,))
            maps.append(viewer.last(Influence))
    generated, listed, read = maps
    assert prompt < length == generated.positions
    assert generated.data == listed.data != read.data
    assert generated.kl == listed.kl > 0


def test_an_edit_that_breaks_the_model_ends_its_turn_and_the_next_is_well(make_runtime: MakeRuntime) -> None:
    breaking = Edit(site="mlp_act", layer=1, units=tuple(range(48)), op="set", value=3e38)
    with served(make_runtime()) as viewer:
        viewer.tell(Intervene, edits=(breaking,))
        viewer.last(Reply)
        viewer.tell(Chat, text="the cat")
        messages = viewer.until(TurnEnd)
        (notice,) = (message for message in messages if isinstance(message, Notice))
        assert "mlp_act" in notice.message
        assert isinstance(messages[-1], TurnEnd)
        assert messages[-1].reason == "error"
        viewer.tell(Intervene, edits=(), replace=True)
        viewer.last(Reply)
        assert said(viewer, "the cat")
