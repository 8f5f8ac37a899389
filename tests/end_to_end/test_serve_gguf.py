"""`llmri serve FILE.gguf`: the same scans, keys and edits as for any other model."""

from collections.abc import Iterator

import numpy as np
import pytest

import llmri
from llmri import Edit
from llmri_protocol.messages import Scan, TurnEnd
from llmri_server.pocket import WEIGHTS
from tests.end_to_end.conftest import Served, serving

FILE = WEIGHTS.parent / "pocket-q8_0.gguf"
QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(FILE) as start:
        yield start("--protect", "none", "--threads", "1", "--flash-attention", "off")


@pytest.fixture
def model(served: Served) -> Iterator[llmri.Client]:
    address = served.ready.removeprefix("LLMRI listening on ").strip()
    with llmri.connect(address) as client:
        yield client


def test_it_answers_and_every_token_is_scanned(model: llmri.Client) -> None:
    card = model.welcome.card
    assert (card.name, card.runtime, card.family, card.layers) == ("pocket", "llama.cpp", "llama", 8)
    model.subscribe("resid_post")
    turn = model.say(QUESTION, new=True)
    scans = []
    for message in model:
        if isinstance(message, Scan):
            scans.append(message)
        if isinstance(message, TurnEnd) and message.turn == turn:
            assert message.text == ANSWER
            break
    assert [scan.token for scan in scans] == list(range(len(scans)))
    assert len(scans) > 20
    for scan in scans:
        rows = llmri.array_of(scan)
        assert rows.shape == (8, 192)
        assert np.isfinite(rows).all()


def test_an_edit_changes_the_very_next_reply_and_undo_brings_it_back(model: llmri.Client) -> None:
    ablated = [Edit(site="mlp_act", layer=layer, units=tuple(range(0, 512, 2))) for layer in range(8)]
    model.intervene(ablated)
    assert model.chat(QUESTION, new=True).text != ANSWER
    model.undo()
    assert model.chat(QUESTION, new=True).text == ANSWER


def test_what_is_measured_between_turns_works_too(model: llmri.Client) -> None:
    edit = Edit(site="resid_post", layer=2, units=(5,), op="add", value=4.0)
    model.chat(QUESTION, new=True)
    assert model.influence([edit], text=ANSWER).kl > 0
    compared = model.compare(QUESTION, edits=[edit], most=4)
    assert len(compared.kl) == 4
    assert [layer.layer for layer in model.logit_lens(text=ANSWER, most=2).layers] == list(range(8))
    model.intervene([edit])
    model.re_prefill()
    model.clear_interventions()
    with pytest.raises(Exception, match=r"computes no gradients"):
        model.attribute("mlp_act", 1, text=ANSWER)
