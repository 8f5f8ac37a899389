"""The view of what comes next: the candidates, and the logit lens, asked for at the right times only."""

from collections.abc import Iterator

import msgspec
import pytest

from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import LogitLens, ReadLens, TurnStart
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import Link
from llmri_viewer.views.tokens import TokensView, leads_from
from llmri_viewer.views.tokens import lens_rows as rows_of
from tests.viewer import measured
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer


def lenses(desk: Desk) -> list[ReadLens]:
    return [event for event in desk.server.received if isinstance(event, ReadLens)]


def words(desk: Desk) -> str:
    desk.window.draw()
    return " | ".join(written.text for written in desk.window.canvas.written)


@pytest.fixture
def opened(told: Desk) -> Desk:
    told.play("k wait:measured")
    return told


def test_the_shown_tokens_lens_is_asked_for_once(opened: Desk) -> None:
    at = opened.state.time.at
    assert at is not None
    opened.play("sleep:0.1 k k sleep:0.1")
    (asked,) = lenses(opened)
    assert (asked.turn, asked.token) == at


def test_it_is_asked_for_again_where_another_token_is_held(opened: Desk) -> None:
    opened.play("left wait:measured")
    at = opened.state.time.at
    assert at is not None
    assert len(lenses(opened)) == 2
    assert (lenses(opened)[-1].turn, lenses(opened)[-1].token) == at
    opened.play("x wait:edits sleep:0.1 wait:measured")
    assert len(lenses(opened)) == 3


def test_it_is_never_asked_for_of_each_token_that_comes(opened: Desk) -> None:
    opened.play('say:"Another." wait:turn_end wait:measured sleep:0.1')
    asked = lenses(opened)
    assert [each.turn for each in asked] == [1, 2]
    assert TokenRef(2, asked[-1].token or 0) == opened.state.time.at


def test_while_a_turn_runs_nothing_is_asked(opened: Desk) -> None:
    opened.session.receive(TurnStart(turn=1, prompt="again", time=0.0))
    opened.session.store.turns[1].end = None
    opened.play("left left sleep:0.1")
    assert len(lenses(opened)) == 1
    assert "the layers are read when the turn is over" in words(opened)


def test_two_are_never_under_way_at_once(told: Desk) -> None:
    told.server.holding = True
    told.play("k sleep:0.1 left sleep:0.1 left sleep:0.1")
    assert len(lenses(told)) == 1
    assert "reading both ways" in words(told)
    told.server.holding = False
    told.play("escape wait:measured sleep:0.1 wait:measured")
    assert len(lenses(told)) == 2
    assert (lenses(told)[-1].turn, lenses(told)[-1].token) == told.state.time.at


def test_a_refusal_is_told_and_not_asked_for_again(told: Desk) -> None:
    told.server.refuse = "no lens today"
    told.play("k wait:measured sleep:0.2")
    assert len(lenses(told)) == 1
    assert "not measured: no lens today" in words(told)


def test_after_a_lost_connection_it_is_asked_for_again(told: Desk) -> None:
    told.server.holding = True
    told.play("k sleep:0.2")
    assert "lens" in told.state.measurements.pending
    told.server.hang_up()
    while told.state.connection.link.link is Link.CONNECTED:
        told.window.frame()
    told.server.holding = False
    told.play("wait:connected wait:measured")
    assert "lens" in told.state.measurements.answers


def test_what_was_stopped_is_asked_for_again_by_opening_the_view_again(told: Desk) -> None:
    told.server.holding = True
    told.play("k sleep:0.2 escape wait:measured")
    assert "lens" in told.state.measurements.failures
    told.server.holding = False
    told.play("k k wait:measured")
    assert "lens" in told.state.measurements.answers


@pytest.fixture
def blind(table: Bindings) -> Iterator[Desk]:
    with SyntheticServer(lens=False) as server:
        desk = Desk(server, Options(), table)
        desk.play(STORY_TOLD + "k sleep:0.1")
        yield desk
        desk.close()


def test_a_runtime_without_a_lens_is_not_asked_and_the_view_says_so(blind: Desk) -> None:
    assert not lenses(blind)
    assert "This runtime offers no logit lens" in words(blind)
    assert "entropy" in words(blind)


def test_candidates_come_with_both_numbers_and_the_entropy_in_both_units(opened: Desk) -> None:
    opened.play("left")
    at = opened.state.time.at
    assert at is not None
    came = opened.session.store.turns[at.turn].tokens[at.token + 1]
    said = words(opened)
    for candidate in came.top:
        assert f"{candidate.logprob:.2f}" in said
    assert "1.200 nats  1.731 bits" in said


def test_a_given_token_has_the_last_layers_candidates(opened: Desk) -> None:
    opened.play("home wait:measured")
    assert " 1.3" not in words(opened)
    found = opened.state.measurements.answer(LogitLens)
    assert found is not None
    assert f"{found[1].layers[-1].top[0].logprob:.2f}" in words(opened)


def test_the_layer_at_which_the_answer_first_leads_is_named(opened: Desk) -> None:
    found = opened.state.measurements.answer(LogitLens)
    assert found is not None
    assert leads_from(found[1]) == 4
    assert "“ fox”, the likeliest in the end, first leads at layer 4" in words(opened)


def test_the_shown_layer_is_in_sight_and_a_click_on_a_row_goes_there(opened: Desk) -> None:
    for layer in range(8):
        opened.play("down" if layer else "1 up up up up up up up up")
        rows = rows_of(opened.state)
        assert rows.first <= opened.state.pane.layer < rows.first + rows.count
    row = rows_of(opened.state).row(2)
    assert TokensView().layer_at(opened.state, (row.x + 60, row.y + 5)) == 2
    opened.play(f"click:{row.x + 60},{row.y + 5}")
    assert opened.state.pane.layer == 2


@pytest.fixture
def deep(table: Bindings) -> Iterator[Desk]:
    with SyntheticServer(layers=64, hidden=16, mlp=32) as server:
        desk = Desk(server, Options(width=900, height=600), table)
        desk.play(STORY_TOLD + "k wait:measured")
        yield desk
        desk.close()


def test_many_layers_are_shown_around_the_shown_one(deep: Desk) -> None:
    for key in "159":
        deep.play(key)
        rows = rows_of(deep.state)
        assert rows.count < 64
        assert rows.first <= deep.state.pane.layer < rows.first + rows.count
        assert f" {deep.state.pane.layer} |" in words(deep)


def test_nothing_said_says_what_to_do_next(desk: Desk) -> None:
    desk.play("wait:connected k")
    assert "Say something to the model" in words(desk)


def test_a_lens_without_candidates_leads_nowhere(server: SyntheticServer) -> None:
    lens = measured.lens(server.card, ReadLens(id=1))
    bare = tuple(msgspec.structs.replace(layer, top=()) for layer in lens.layers)
    assert leads_from(msgspec.structs.replace(lens, layers=bare)) is None
