"""Samples are collected from what arrives, of each site its own, and never more than fits."""

import msgspec
import numpy as np
import pytest

from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import Limits, Notice, ProtectedUnit, Welcome
from llmri_viewer.cluster_job import gatherer
from llmri_viewer.model.clusters.gathered import MOST_TOGETHER, NEEDED, together
from llmri_viewer.model.options import Options
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer


def test_every_scan_but_first_tokens_counts_and_the_turn_with_them(told: Desk) -> None:
    scans = len(told.session.store.moments(1, "mlp_act"))
    got = told.state.clusters.gathered
    assert (got.site, got.samples, got.turns, got.needed) == ("mlp_act", scans - 1, 1, NEEDED)
    assert got.layers == tuple(range(8))
    assert not got.enough


def test_a_site_keeps_its_samples_while_another_is_shown(told: Desk) -> None:
    before = told.state.clusters.gathered
    told.play("tab")
    assert (told.state.clusters.gathered.site, told.state.clusters.gathered.samples) == ("attn_out", 0)
    told.play(STORY_TOLD.removeprefix("wait:connected "))
    there = told.state.clusters.gathered
    assert (there.site, there.samples > 30, there.turns) == ("attn_out", True, 1)
    told.play("tab tab")
    assert told.state.clusters.gathered == before


def test_samples_are_the_scans_in_the_order_they_came_with_their_text(told: Desk) -> None:
    collection = told.session.cluster_builder._gatherer.collection("mlp_act", 3)
    assert collection is not None
    samples = collection.samples()
    for row in (0, 7, len(samples) - 1):
        token = int(samples.token[row])
        np.testing.assert_array_equal(samples.values[row], told.server.rows(1, token, "mlp_act").ravel())
    assert " fox" in samples.texts[1].tokens
    assert samples.token[0] == 1


def test_another_session_begins_anew(told: Desk) -> None:
    take = told.session.cluster_builder.take
    limits = Limits(client_frame=1 << 20, server_frame=1 << 20, queue=1, prompt_positions=1)
    for session, kept in (("one", True), ("two", False)):
        welcome = Welcome(protocol=2, session=session, card=told.server.card, edits=(), limits=limits)
        assert (take(welcome, told.state, told.session.store).clusters.gathered.samples > 0) == kept


def test_protected_units_are_left_out(server: SyntheticServer, table: Bindings) -> None:
    unit = ProtectedUnit(site="mlp_act", layer=2, unit=7, test="list", evidence="of the list")
    elsewhere = ProtectedUnit(site="resid_post", layer=2, unit=9, test="list", evidence="of the list")
    server.card = msgspec.structs.replace(server.card, protected=(unit, elsewhere))
    desk = Desk(server, Options(), table)  # which connects at once
    try:
        desk.play(STORY_TOLD)
        assert left_out(desk) == [2 * 512 + 7]
    finally:
        desk.close()


FOUND = Notice(
    level="warning",
    message="protected from now on: unit 7 of `mlp_act` in layers 2-3 (massive); unit 9 of `resid_post` in "
    "layer 2 (loss)",
)


def left_out(desk: Desk) -> list[int]:
    collection = desk.session.cluster_builder._gatherer.collection("mlp_act", 2)
    assert collection is not None
    return np.flatnonzero(collection.left_out).tolist()


def test_what_is_found_later_leaves_a_collection_that_began_before_and_stands_on_the_card(told: Desk) -> None:
    assert left_out(told) == []
    told.session.receive(FOUND)
    assert left_out(told) == [2 * 512 + 7, 3 * 512 + 7]
    assert told.state.connection.card is not None
    places = [(unit.site, unit.layer, unit.unit) for unit in told.state.connection.card.protected]
    assert places == [("mlp_act", 2, 7), ("mlp_act", 3, 7), ("resid_post", 2, 9)]
    assert told.state.overlays.notice == FOUND.message


def test_what_was_found_while_the_connection_was_gone_leaves_it_too(told: Desk) -> None:
    unit = ProtectedUnit(site="mlp_act", layer=2, unit=7, test="loss", evidence="1.0 to 9.0 nats")
    limits = Limits(client_frame=1 << 20, server_frame=1 << 20, queue=1, prompt_positions=1)
    card = msgspec.structs.replace(told.server.card, protected=(unit,))
    welcome = Welcome(protocol=2, session=told.state.connection.session, card=card, edits=(), limits=limits)
    told.session.receive(welcome)
    assert left_out(told) == [2 * 512 + 7]


def test_the_search_is_followed_until_it_is_over(told: Desk) -> None:
    for sentence, searching in (
        ("looking for protected units: 1 of 9 passes", True),
        ("4 scans were dropped", True),
        ("no protected units were found", False),
    ):
        told.session.receive(Notice(level="info", message=sentence))
        assert told.state.connection.searching == searching


def test_what_grew_longest_ago_goes_where_all_is_too_much(
    told: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gatherer, "ALL_BYTES", 1 << 19)
    told.play("tab tab")
    told.play(STORY_TOLD.removeprefix("wait:connected "))
    kept = told.session.cluster_builder._gatherer
    assert kept.collection("mlp_act", 0) is None
    assert kept.collection("resid_post", 0) is not None


def test_a_site_of_many_units_is_collected_a_layer_at_a_time() -> None:
    with SyntheticServer(layers=9, hidden=8, mlp=1024) as large:
        assert together(large.card, "mlp_act", 5) == (5,)
        assert together(large.card, "resid_post", 5) == tuple(range(9))
        assert large.card.layers * 1024 > MOST_TOGETHER
