"""The influence map: measured where it can be, told apart from what only fires together."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_look.colours import colour
from llmri_look.colours.colour import Scale
from llmri_look.colours.theme import THEMES
from llmri_look.keys.bindings import Bindings
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Edit, Influence, MeasureInfluence, Stop
from llmri_viewer import views
from llmri_viewer.commands.edit import Select
from llmri_viewer.model.measured.coactivation import coactivation
from llmri_viewer.model.options import Options, changed
from llmri_viewer.views.influence import InfluenceView, parts
from llmri_viewer.views.values.influence_map import FLOOR, InfluenceMap, influence_map
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

VIEW = InfluenceView()


def answer(desk: Desk) -> Influence:
    found = desk.state.measurements.answer(Influence)
    assert found is not None
    return found[1]


def shown(desk: Desk) -> str:
    return desk.state.pane.view


def requests(desk: Desk) -> list[MeasureInfluence]:
    return [event for event in desk.server.received if isinstance(event, MeasureInfluence)]


def words(desk: Desk) -> str:
    desk.window.draw()
    return " | ".join(written.text for written in desk.window.canvas.written)


def test_it_is_measured_by_ablating_the_selection_up_to_the_shown_token(told: Desk) -> None:
    told.play("add:unit=5 n wait:measured")
    (asked,) = requests(told)
    at = told.state.time.at
    assert at is not None
    assert asked.edits == (Edit(site="mlp_act", layer=4, units=(5, 127), value=0.0),)
    assert (asked.site, asked.turn, asked.token) == ("mlp_act", at.turn, at.token)
    assert "Causal influence" in words(told)
    assert "causal: change when ablated" in words(told)
    assert "2 units ablated, over the 42 tokens up to the shown one" in words(told)


def test_each_layer_shows_its_changes_and_earlier_ones_none(told: Desk) -> None:
    told.play("n wait:measured")
    found = influence_map(told.state, told.session.store)
    assert found is not None
    assert found.causal
    np.testing.assert_array_equal(found.rows[4:], array_of(answer(told)))
    assert np.isnan(found.rows[:4]).all()
    rows = array_of(answer(told))
    others = np.delete(rows[0], [unit for _, unit in found.ablated])
    expected = np.sqrt([(others**2).mean(), *(rows[1:] ** 2).mean(axis=1)])
    np.testing.assert_allclose(found.norms[4:], expected, rtol=1e-5)
    assert "comes before what was ablated" in words(told)


def test_a_pixel_has_the_colour_of_its_strongest_unit(told: Desk) -> None:
    told.play("n wait:measured point:1,1")
    found, columns = influence_map(told.state, told.session.store), VIEW.columns(told.state)
    assert found is not None
    assert columns is not None
    bands = VIEW.bands(told.state)
    row = bands.row(6)
    table = colour.table(found.colour_map, "dark")
    for pixel in range(3, bands.box.width, 41):
        value = columns.strongest(found.rows)[6, pixel]
        shown = told.window.canvas.colour_at((bands.box.x + pixel, row.y + row.height // 2))
        assert shown == tuple(colour.paint(value[None], found.scale, table)[0].tolist())


def test_what_the_next_token_becomes_is_told_before_and_after(told: Desk) -> None:
    told.play("n wait:measured")
    said = words(told)
    assert "KL 0.137 nats" in said
    assert "30.0 % →  50.0 %" in said
    assert "50.0 % →  30.0 %" in said


def test_a_click_selects_the_unit_that_changed_most_there(told: Desk) -> None:
    told.play("n wait:measured")
    bands, columns = VIEW.bands(told.state), VIEW.columns(told.state)
    assert columns is not None
    row = bands.row(6)
    at = (bands.box.x + 100, row.y + row.height // 2)
    unit = columns.strongest_at(array_of(answer(told))[2], 100)
    told.play(f"click:{at[0]},{at[1]}")
    assert told.state.selection.units == {(6, unit)}
    assert f"layer 6  unit {unit}" in words(told)


def test_another_selection_is_told_and_measured_with_enter(told: Desk) -> None:
    told.play("n wait:measured")
    told.session.do(Select(frozenset({(2, 9)})))
    assert "measured for another selection; Enter measures this one" in words(told)
    told.play("return wait:measured")
    assert [edit.units for edit in requests(told)[-1].edits] == [(9,)]
    assert "1 unit ablated" in words(told)


def test_what_was_measured_is_not_measured_again_by_opening_the_view(told: Desk) -> None:
    told.play("n wait:measured n n wait:measured")
    assert len(requests(told)) == 1
    told.play("n left n wait:measured")
    assert len(requests(told)) == 2


def test_a_site_that_cannot_be_edited_shows_what_fires_together_and_says_so(told: Desk) -> None:
    told.play('tab say:"And another." wait:turn_end')
    assert told.state.pane.site == "attn_out"
    told.session.do(Select(frozenset({(3, 7)})))
    told.play("n")
    assert not requests(told)
    found = influence_map(told.state, told.session.store)
    assert found is not None
    assert not found.causal
    assert found.rows[3, 7] == pytest.approx(1.0, abs=1e-5)
    said = words(told)
    assert "co-activation, not causal: correlation with 1 selected unit" in said
    assert "0.00" in (text.text for text in told.window.canvas.written)
    assert "attn_out cannot be edited" in said
    told.play("return")
    assert told.state.overlays.warning
    assert not requests(told)


def test_nothing_selected_and_nothing_said_say_what_to_do_next(desk: Desk) -> None:
    desk.play("wait:connected n")
    assert "Say something to the model" in words(desk)
    desk.play('say:"A story." wait:turn_end')
    assert "No unit is selected" in words(desk)
    desk.play("return")
    assert desk.state.overlays.notice == "no unit is selected; select some first"


@pytest.fixture
def held(told: Desk) -> Iterator[Desk]:
    told.server.holding = True
    told.play("n sleep:0.2")
    yield told
    told.server.holding = False


def test_while_it_is_measured_progress_shows_and_escape_stops_it(held: Desk) -> None:
    pending = held.state.measurements.pending["influence"]
    assert (pending.done, pending.total) == (1, 2)
    assert "reading both ways" in words(held)
    assert "Esc stops" in words(held)
    held.play("return")
    assert len(requests(held)) == 1
    held.play("escape wait:measured")
    assert any(isinstance(event, Stop) and event.command == pending.id for event in held.server.received)
    assert shown(held) == "influence"
    assert "not measured: the measurement was stopped" in words(held)
    held.play("escape")
    assert shown(held) == "grid"


def test_a_lost_connection_ends_the_waiting(held: Desk) -> None:
    held.server.hang_up()
    held.play("sleep:0.3")
    assert not held.state.measurements.pending
    assert "not measured: the connection ended meanwhile" in words(held)


@pytest.mark.parametrize("size", ["900x600", "1280x800", "1920x1080"])
@pytest.mark.parametrize("keys", ["n", "k", "v"])
def test_texts_stay_in_their_rooms(server: SyntheticServer, table: Bindings, size: str, keys: str) -> None:
    desk = Desk(server, changed(Options(), size=size), table)
    desk.play(f"{STORY_TOLD} click:unit=127 x wait:edits {keys} wait:measured")
    desk.window.draw()
    written = desk.window.canvas.written
    for one in written:
        assert one.room.x <= one.taken.x
        assert one.taken.right <= one.room.right
    places = [one.taken for one in written]
    for number, a in enumerate(places):
        for b in places[number + 1 :]:
            across = min(a.right, b.right) - max(a.x, b.x)
            down = min(a.bottom, b.bottom) - max(a.y, b.y)
            assert across <= 0 or down <= 3, (written[number].text, b)
    desk.close()


def test_the_parts_lie_side_by_side_within_the_view(told: Desk) -> None:
    for size in ((480, 360), (900, 600), (1280, 800), (3840, 2160)):
        state = replace(
            told.state,
            window=replace(told.state.window, size=size),
            pane=replace(told.state.pane, view="influence"),
        )
        places, view = parts(state), views.VIEWS["grid"].stage(state)
        boxes = [places.stage, places.norms, *([places.effects] if places.effects else [])]
        assert all(box.x >= view.x and box.right <= view.right and box.bottom <= view.bottom for box in boxes)
        assert all(a.right <= b.x for a, b in pairwise(boxes))


@given(st.integers(3, 12), st.integers(0, 2**16))
def test_co_activation_of_one_unit_is_pearsons_correlation(tokens: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(tokens, 2, 5)).astype(np.float32)
    found = coactivation(rows, [(1, 3)])
    assert found is not None
    expected = np.asarray(np.corrcoef(rows.reshape(tokens, 10).T))[8].reshape(2, 5)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_constant_units_and_too_few_tokens_correlate_with_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 1, 3)).astype(np.float32)
    rows[:, 0, 1] = 2.0
    found = coactivation(rows, [(0, 0)])
    assert found is not None
    assert found[0, 1] == 0
    assert coactivation(rows, [(0, 1)]) is None
    assert coactivation(rows[:2], [(0, 0)]) is None
    assert coactivation(rows, []) is None


def measure(desk: Desk) -> None:
    desk.session.do(Select(frozenset({(4, 5), (4, 127)})))
    desk.play("n wait:measured")


def measured_as(desk: Desk, change: float, kl: float) -> InfluenceMap:
    """Answer the last request with one change of all units of later layers, and 1 of those ablated."""
    known = desk.state.measurements.answers["influence"]
    assert isinstance(known.answer, Influence)
    rows = np.full(known.answer.shape, change, "<f4")
    rows[0] = 0
    rows[0, [5, 127]] = 1.0
    answer = msgspec.structs.replace(known.answer, data=rows.tobytes(), kl=kl)
    answers = MappingProxyType(
        {**desk.state.measurements.answers, "influence": replace(known, answer=answer)}
    )
    desk.session.state = replace(desk.state, measurements=replace(desk.state.measurements, answers=answers))
    desk.window.draw()
    found = influence_map(desk.state, desk.session.store)
    assert found is not None
    return found


def test_all_maps_have_one_scale_from_none_to_one_deviation_unless_a_key_says_otherwise(told: Desk) -> None:
    measure(told)
    weak, strong = (measured_as(told, change, 0.1) for change in (0.02, 0.8))
    assert weak.scale == strong.scale == Scale(0.0, 1.0)
    assert weak.norms[5] == pytest.approx(0.02)
    assert {"0.00", "1.00"} <= {text.text for text in told.window.canvas.written}
    assert "fixed scale, in standard deviations" in words(told)
    told.play("shift+n")
    automatic = measured_as(told, 0.02, 0.1)
    assert automatic.scale.high == pytest.approx(0.02)
    assert automatic.full == pytest.approx(0.02)
    assert "automatic scale, in standard deviations" in words(told)
    assert measured_as(told, 1e-12, 0.1).scale.high == FLOOR, "noise stays dark in any scale"


@pytest.mark.parametrize(
    ("change", "kl", "nothing"),
    [(0.0, 0.0, True), (0.0099, 9e-7, True), (0.0, -1e-12, True), (0.011, 0.0, False), (0.0, 2e-6, False)],
)
def test_below_the_floor_nothing_was_caused_and_the_view_says_so(
    told: Desk, change: float, kl: float, nothing: bool
) -> None:
    measure(told)
    assert measured_as(told, change, kl).nothing is nothing
    assert ("nothing measurable was caused" in words(told)) is nothing
    assert ("KL below 1e-06" in words(told)) is (abs(kl) < 1e-6)


def test_ablated_units_are_hatched_and_no_part_of_their_rows_sum(told: Desk) -> None:
    measure(told)
    found = measured_as(told, 0.0, 0.1)
    assert found.rows[4, 5] == 1.0
    assert np.isnan(found.caused[4, [5, 127]]).all()
    assert found.norms[4] == 0


def test_of_a_layer_ablated_whole_nothing_is_summed_and_all_is_hatched(told: Desk) -> None:
    told.session.do(Select(frozenset((4, unit) for unit in range(512))))
    told.play("n wait:measured")
    found = influence_map(told.state, told.session.store)
    assert found is not None
    assert np.isnan(found.norms[4])
    assert np.isfinite(found.norms[5])
    told.play("point:1,1")
    box, at = VIEW.bands(told.state).row(4), told.window.canvas.colour_at
    seen = [at((box.x + x, box.y + box.height // 2)) for x in range(20, 120)]
    assert set(seen) == {THEMES["dark"].panel, THEMES["dark"].ablated}
    assert seen.count(THEMES["dark"].ablated) == pytest.approx(20, abs=3), "every fifth pixel"
