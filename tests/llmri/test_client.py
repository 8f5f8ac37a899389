"""The client for scripts, against the real server and the bundled model."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

import llmri
from llmri import Edit
from llmri_protocol.messages import Edits, Scan, Token, TurnEnd, TurnStart
from llmri_server import Server, Settings
from llmri_server.torch_runtime import load

SUM = "What is 37 plus 45?"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(load("pocket", device="cpu", dtype="float32"), Settings(port=0)) as running:
        yield running


@pytest.fixture
def address(server: Server) -> str:
    return "{}:{}".format(*server.address)


def test_a_script_talks_edits_and_talks_again(address: str) -> None:
    with llmri.connect(address) as model:
        assert model.chat(SUM, new=True).text == "37 + 45 = 82."
        layers, width = model.welcome.card.layers, 512
        everything = [Edit(site="mlp_act", layer=layer, units=tuple(range(width))) for layer in range(layers)]
        model.intervene(everything)
        assert model.chat(SUM, new=True).text != "37 + 45 = 82."
        model.clear_interventions()
        assert model.chat(SUM, new=True).text == "37 + 45 = 82."


def test_what_is_said_has_its_turn_at_once_and_the_rest_by_iteration(address: str) -> None:
    with llmri.connect(address) as model:
        turn = model.say(SUM, new=True)
        end = next(message for message in model if isinstance(message, TurnEnd))
        assert (end.turn, end.text) == (turn, "37 + 45 = 82.")


def test_scans_arrive_with_the_turn_they_belong_to(address: str) -> None:
    with llmri.connect(address) as model:
        model.subscribe("mlp_act", layers=(1, 6), prompt_tokens=False)
        end = model.chat(SUM, new=True)
        messages = model.messages()
        scans = [message for message in messages if isinstance(message, Scan)]
        assert {scan.turn for scan in scans} == {end.turn}
        assert len(scans) == end.tokens - 1  # the end of the turn is never fed back
        assert llmri.array_of(scans[0]).shape == (2, 512)
        assert np.isfinite(llmri.array_of(scans[0])).all()
        kinds = [type(message) for message in messages]
        assert kinds.index(TurnStart) < kinds.index(Token) < kinds.index(Scan) < kinds.index(TurnEnd)


def test_undo_and_redo_are_told_to_everybody(address: str) -> None:
    with llmri.connect(address) as one, llmri.connect(address, role="viewer") as other:
        one.intervene([Edit(site="resid_post", layer=2, units=(5,), value=1.5)])
        one.undo()
        one.redo()
        told = (message for message in other if isinstance(message, Edits))
        assert [len(edits.edits) for edits in islice(told, 3)] == [1, 0, 1]
        one.clear_interventions()


def test_an_edit_that_does_not_fit_is_refused_by_name(address: str) -> None:
    with llmri.connect(address) as model:
        with pytest.raises(llmri.RefusedError, match="999"):
            model.intervene([Edit(site="mlp_act", layer=0, units=(999,))])
        assert model.chat(SUM, new=True).text == "37 + 45 = 82."


def test_a_viewer_may_not_talk(address: str) -> None:
    with llmri.connect(address, role="viewer") as model, pytest.raises(Exception, match="viewer"):
        model.chat("hello")


def test_a_long_prompt_over_all_seven_sites_arrives_whole_though_nobody_reads_meanwhile(
    server: Server, address: str
) -> None:
    with llmri.connect(address) as model, llmri.connect(address) as other:
        sites = [site.name for site in model.welcome.card.sites]
        assert len(sites) == 7
        model.subscribe(*sites)
        other.chat("What is 37 plus 45? " * 24, new=True)  # `model` reads nothing until this is over
        model.chat("And then?")
        messages = model.messages()
        first = next(message.turn for message in messages if isinstance(message, TurnStart))
        prompt = [
            each
            for each in messages
            if isinstance(each, Scan) and each.turn == first and each.phase == "prompt"
        ]
        assert len(prompt) == 7 * server.settings.prompt_positions
        assert len({(scan.site, scan.token) for scan in prompt}) == len(prompt)


def test_numpys_values_are_taken_by_every_method(address: str) -> None:
    model: Any  # whose types are Python's own
    with llmri.connect(address) as model:
        model.subscribe(np.str_("z"), layers=np.arange(2), every=np.int64(1), prompt_tokens=np.bool_(False))
        end = model.chat(np.str_(SUM), new=np.bool_(True))
        scans = [message for message in model.messages() if isinstance(message, Scan)]
        assert {(scan.site, scan.layers, scan.phase) for scan in scans} == {("z", (0, 1), "generate")}
        lens = model.logit_lens(np.int64(end.turn), np.int16(3), most=np.uint8(2))
        assert lens.layers == model.logit_lens(end.turn, 3, most=2).layers
        fields: Any = {"site": np.str_("z"), "layer": 2, "heads": 3}
        head = Edit(**fields)
        measured = model.influence(head, site=np.str_("mlp_out"), turn=np.int64(end.turn), token=np.int64(2))
        assert measured.site == "mlp_out"
        found = model.attribute("mlp_act", np.int64(2), target=np.int32(5), checked=np.int8(2))
        assert (found.layer, found.target.id) == (2, 5)
        compared = model.compare(SUM, edits=np.array([head], object), new=True, most=np.int64(4))
        assert len(compared.kl) == 4
        model.intervene(np.array([head], object), replace=np.bool_(True))
        model.clear_interventions()


def test_one_layer_may_be_named_alone(address: str) -> None:
    model: Any
    with llmri.connect(address) as model:
        model.subscribe("z", layers=np.int64(5), prompt_tokens=False)
        model.chat(SUM, new=True)
        assert {message.layers for message in model.messages() if isinstance(message, Scan)} == {(5,)}


def test_what_is_no_edit_is_refused_before_it_is_sent(address: str) -> None:
    with llmri.connect(address) as model, pytest.raises(TypeError, match="'site' is no edit"):
        model.intervene({"site": "z", "layer": 2})  # type: ignore[arg-type]
