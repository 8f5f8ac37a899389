"""What the client for scripts asks a server to measure, against a runtime without a model."""

from collections.abc import Iterator

import numpy as np
import pytest

import llmri
from llmri import Edit
from llmri_protocol.messages import Edits, Progress
from llmri_server import Server, Settings
from tests.server.fakes import LAYERS, WIDTH, FakeRuntime

TEXT = "the cat sat on the mat"
EDIT = Edit(site="resid_post", layer=0, units=(1,), op="add", value=3.0)


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture
def model(runtime: FakeRuntime) -> Iterator[llmri.Client]:
    with (
        Server(runtime, Settings(port=0)) as server,
        llmri.connect("{}:{}".format(*server.address)) as client,
    ):
        yield client


def test_an_influence_map_covers_the_later_layers(model: llmri.Client) -> None:
    heard: list[Progress] = []
    found = model.influence([EDIT], text=TEXT, progress=heard.append)
    changes = llmri.array_of(found)
    assert changes.shape == (len(found.layers), WIDTH) == found.shape
    assert found.kl > 0
    assert np.isfinite(changes).all()
    assert heard[-1].done <= heard[-1].total


def test_an_attribution_has_a_share_for_every_unit(model: llmri.Client) -> None:
    found = model.attribute("mlp_act", 1, checked=4, text=TEXT)
    assert llmri.array_of(found).shape == (WIDTH,)
    assert (found.layer, found.method, len(found.checked), len(found.effects)) == (1, "gradient", 4, 4)


def test_a_comparison_gives_both_replies_and_twice_the_same(model: llmri.Client) -> None:
    one, two = (model.compare("hello there", edits=[EDIT], most=4) for _ in range(2))
    assert (one.plain, one.edited, one.kl) == (two.plain, two.edited, two.kl)
    assert len(one.kl) == len(one.plain) == 4


def test_the_lens_has_every_layer_and_as_many_candidates_as_were_asked_for(model: llmri.Client) -> None:
    found = model.logit_lens(text=TEXT, most=2)
    assert [layer.layer for layer in found.layers] == list(range(LAYERS))
    assert all(len(layer.top) == 2 for layer in found.layers)
    assert found.layers[-1].kl == 0


def test_the_conversation_goes_on_beside_a_measurement(model: llmri.Client) -> None:
    assert model.chat("hello").text == "one two three"
    model.influence([EDIT])
    assert model.chat("again").text == "one two three"


def test_a_measurement_that_is_refused_says_why(model: llmri.Client) -> None:
    with pytest.raises(llmri.RefusedError) as caught:
        model.influence([EDIT])
    assert caught.value.code == "nothing_to_measure"
    with pytest.raises(llmri.RefusedError, match="99"):
        model.influence([Edit(site="resid_post", layer=99, units=(1,))], text=TEXT)


def test_what_the_progress_raises_stops_the_measurement_and_the_connection_lives(
    model: llmri.Client, runtime: FakeRuntime
) -> None:
    class EnoughError(Exception):
        pass

    def enough(_: Progress) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        model.attribute("mlp_act", 0, checked=WIDTH, text=TEXT, progress=enough)
    assert model.compare("hello", most=2, edits=[EDIT]).plain_text


def test_the_journal_tells_every_change(model: llmri.Client) -> None:
    model.intervene([EDIT], name="louder")
    model.undo()
    model.redo()
    changes = model.journal()
    assert [change.revision for change in changes] == [1, 2, 3]
    assert {change.by for change in changes} == {changes[0].by}
    assert changes[0].time <= changes[-1].time


def test_intervene_replaces_and_names(model: llmri.Client) -> None:
    model.intervene([EDIT], name="louder")
    model.intervene([Edit(site="mlp_act", layer=LAYERS - 1, units=(2,))], replace=True, name="silent")
    last = [message for message in model.messages() if isinstance(message, Edits)][-1]
    assert (last.name, [edit.site for edit in last.edits]) == ("silent", ["mlp_act"])


def test_re_prefill_cures_a_stale_cache(model: llmri.Client) -> None:
    model.chat("hello")
    model.intervene([EDIT])
    model.re_prefill()
    told = [message.stale_cache for message in model.messages() if isinstance(message, Edits)]
    assert told == [True, False]


def test_since_now_leaves_the_past_alone(model: llmri.Client) -> None:
    model.chat("hello")
    model.intervene([EDIT], since_now=True)
    (edit,) = next(message for message in model.messages() if isinstance(message, Edits)).edits
    assert edit.since is not None
    assert edit.since > 0
