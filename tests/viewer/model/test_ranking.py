"""Which clusters fire most is ranked by mean |z|, in the legend, where a click selects them."""

from itertools import pairwise

import numpy as np
import pygame
import pytest

from llmri_look.colours import palette
from llmri_look.colours.theme import blend
from llmri_look.keys.bindings import Bindings
from llmri_viewer import views
from llmri_viewer.app import ranker as reference_file
from llmri_viewer.app.ranker import REFRESH_SECONDS, Reference
from llmri_viewer.drawing.panels.legend import BAR, FULL, SCALE, SIGN
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.ranking import TOGETHER, Ranking
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.options import Options
from llmri_viewer.views import legend, picture_of
from tests.viewer.conftest import Desk
from tests.viewer.synthetic import SyntheticServer


@pytest.fixture
def ranked(clustered: Desk) -> Desk:
    """A desk after two turns, of which the second is shown."""
    clustered.play('say:"And now a bird." wait:turn_end')
    clustered.session.glide(REFRESH_SECONDS)
    clustered.window.draw()
    return clustered


def ranking_of(desk: Desk) -> Ranking:
    assert desk.state.clusters.ranking is not None
    return desk.state.clusters.ranking


def reference(desk: Desk) -> dict[int, float]:
    """Return each cluster's mean |z| over the reply, unit by unit."""
    store, atlas = desk.session.store, desk.state.atlas
    assert atlas is not None
    rows = {
        (turn, token): store.scan(TokenRef(turn, token), "mlp_act").rows.ravel()  # type: ignore[union-attr]
        for turn in (1, 2)
        for token in store.moments(turn, "mlp_act")
        if token > 0
    }
    every = np.stack(list(rows.values())).astype(np.float64)
    reply = [key for key in rows if key[0] == 2 and store.turns[2].tokens[key[1]].phase == "generate"]
    reply = reply[:: max(1, -(-len(reply) // 32))]
    z = np.abs(np.stack([rows[key] for key in reply]) - every.mean(axis=0))
    z = np.divide(z, every.std(axis=0), out=np.zeros_like(z), where=every.std(axis=0) > 0)
    labels = atlas.clustering.labels
    return {cluster.number: z[:, labels == cluster.number].mean() for cluster in atlas.clustering.clusters}


def test_clusters_are_ranked_by_their_mean_z_over_the_reply(ranked: Desk) -> None:
    ranking, wanted = ranking_of(ranked), reference(ranked)
    assert (ranking.turn, ranking.turns, ranking.reply) == (2, 2, True)
    for number, value in wanted.items():
        assert ranking.of(number) == pytest.approx(value, rel=1e-3)
    values = [ranking.of(number) for number in ranking.order]
    assert values == sorted(values, reverse=True)
    assert set(ranking.order) == set(wanted)


def test_another_turn_is_ranked_at_once_and_a_growing_one_now_and_then(ranked: Desk) -> None:
    ranked.play("shift+left")
    assert ranking_of(ranked).turn == 1
    ranked.play("end")
    known = ranking_of(ranked)
    assert known.turn == 2
    ranked.session.glide(0.0)
    assert ranking_of(ranked) is known


def test_what_came_before_the_clusters_is_taken_in_a_little_at_a_time(
    ranked: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ranking_of(ranked)
    atlas, store = whole.atlas, ranked.session.store
    monkeypatch.setattr(reference_file, "VALUES_AT_ONCE", 8 * len(atlas.clustering.units))
    slow = Reference(atlas, "mlp_act")
    slow.take(store)
    assert (slow.scans, slow.complete) == (8, False)
    for _ in range(20):
        slow.take(store)
    assert (slow.scans, slow.turns, slow.complete) == (whole.against, 2, True)
    standard = slow.standard()
    assert standard is not None
    np.testing.assert_array_equal(standard.mean, whole.standard.mean)
    np.testing.assert_array_equal(standard.deviation, whole.standard.deviation)


def test_what_the_store_forgets_no_longer_counts(ranked: Desk) -> None:
    atlas, store = ranking_of(ranked).atlas, ranked.session.store
    reference = Reference(atlas, "mlp_act")
    reference.take(store)
    store.clear()
    reference.take(store)
    assert (reference.scans, reference.turns, reference.standard()) == (0, 0, None)


def test_the_grid_needs_no_ranking(ranked: Desk) -> None:
    ranked.play("o")
    assert ranked.state.clusters.ranking is None


@pytest.mark.parametrize("view", ["circles", "hebbian"])
def test_a_click_in_the_legend_selects_the_cluster_and_a_pointer_tells_its_size(
    ranked: Desk, view: str
) -> None:
    if view == "hebbian":
        ranked.play("h")
        ranked.land()
    (first, box), (second, other) = legend.rows(ranked.state)[:2]
    ranked.play(f"click:{box.x + 60},{box.y + 9}")
    atlas = ranked.state.atlas
    assert atlas is not None
    assert ranked.state.selection.units == atlas.places(first)
    assert ranked.state.selection.picked == first
    units = atlas.clustering.cluster(first).units
    texts = [text.text for text in ranked.window.canvas.written]
    assert any(
        text.startswith(f"cluster {first}  {units} units, layers 0\N{EN DASH}7  mean |z| ") for text in texts
    )
    ranked.play(f"add:{other.x + 60},{other.y + 9}")
    assert ranked.state.selection.units == atlas.places(first) | atlas.places(second)


def test_a_double_click_in_the_legend_zooms_into_the_cluster(ranked: Desk) -> None:
    number, box = legend.rows(ranked.state)[3]
    ranked.play(f"double:{box.x + 60},{box.y + 9}")
    assert ranked.state.atlas is not None
    assert ranked.state.pane.focus == ranked.state.atlas.cluster_group[number]


def union(desk: Desk, numbers: tuple[int, ...]) -> frozenset[tuple[int, int]]:
    atlas = desk.state.atlas
    assert atlas is not None
    return frozenset().union(*map(atlas.places, numbers))


@pytest.mark.parametrize("view", ["circles", "hebbian"])
def test_one_key_selects_the_most_active_clusters_and_again_as_many_more(ranked: Desk, view: str) -> None:
    if view == "hebbian":
        ranked.play("h")
        ranked.land()
    order = ranking_of(ranked).order
    ranked.play("shift+m")
    assert ranked.state.selection.units == union(ranked, order[:TOGETHER])
    assert ranked.state.selection.picked == order[0]
    assert f"the {min(TOGETHER, len(order))} clusters most active in reply 2" in ranked.state.overlays.notice
    ranked.play("shift+m")
    assert ranked.state.selection.units == union(ranked, order[: 2 * TOGETHER])
    ranked.play("shift+m " * (len(order) // TOGETHER + 1))
    assert ranked.state.selection.units == union(ranked, order)


def test_a_key_for_the_most_active_takes_the_place_of_another_selection(ranked: Desk) -> None:
    order = ranking_of(ranked).order
    ranked.play("click:ranked=3 shift+m")
    assert ranked.state.selection.units == union(ranked, order[:TOGETHER])


@pytest.mark.parametrize("view", ["circles", "hebbian"])
def test_a_click_on_the_heading_does_as_the_key_and_the_selected_are_marked(ranked: Desk, view: str) -> None:
    if view == "hebbian":
        ranked.play("h")
        ranked.land()
    heading = legend.heading(ranked.state)
    assert heading is not None
    ranked.play(f"click:{heading.x + 40},{heading.y + 9}")
    order = ranking_of(ranked).order
    assert ranked.state.selection.units == union(ranked, order[:TOGETHER])
    ranked.play("add:ranked=2")
    assert ranked.state.selection.units == union(ranked, (order[0], *order[2:TOGETHER]))
    picture = pygame.surfarray.array3d(ranked.window.canvas.surface)
    accent = ranked.window.canvas.theme.accent
    marked = [
        bool((picture[box.x + 24 : box.right, box.y : box.bottom] == accent).all(axis=2).any())
        for _, box in legend.rows(ranked.state)
    ]
    wanted = [number != order[1] and number in order[:TOGETHER] for number, _ in legend.rows(ranked.state)]
    assert marked == wanted


def test_without_clusters_or_talk_the_key_says_what_is_missing(desk: Desk) -> None:
    desk.play("wait:connected o shift+m")
    assert "no clusters" in desk.state.overlays.notice
    assert desk.state.overlays.warning


def test_before_anything_was_said_no_cluster_is_the_most_active(
    server: SyntheticServer, table: Bindings, atlas: Atlas
) -> None:
    desk = Desk(server, Options(), table, atlas)
    desk.play("wait:connected o shift+m")
    assert "nothing was said" in desk.state.overlays.notice
    assert not desk.state.selection.units
    desk.close()


@pytest.mark.parametrize("size", ["900x600", "1280x800", "1920x1080", "3840x2160"])
@pytest.mark.parametrize("key", ["", "h"])
def test_the_legend_keeps_within_its_column_and_its_rows_apart(ranked: Desk, size: str, key: str) -> None:
    ranked.play(f"{key} size:{size}")
    ranked.land()
    box, rows = legend.column(ranked.state), legend.rows(ranked.state)
    if box is None:
        assert not rows
        return
    assert len(rows) >= legend.LEAST_RANKED
    for (_, one), (_, other) in pairwise(rows):
        assert one.bottom <= other.y
    assert rows[-1][1].bottom <= box.bottom
    written = [text.taken for text in ranked.window.canvas.written if box.holds(text.taken.x, text.taken.y)]
    for text in written:
        assert text.right <= box.right + 1
        assert text.bottom <= box.bottom + 1
    for place, one in enumerate(written):
        for other in written[place + 1 :]:
            apart = one.right <= other.x or other.right <= one.x or one.bottom <= other.y + 4
            assert apart or other.bottom <= one.y + 4, (one, other)


def drag(desk: Desk, corners: list[tuple[int, int]], *, shift: bool = False) -> None:
    """Draw a line with the right button, as SDL tells it."""
    post, Event = pygame.event.post, pygame.event.Event  # noqa: N806 - a class
    pygame.key.set_mods(pygame.KMOD_SHIFT if shift else pygame.KMOD_NONE)
    post(Event(pygame.MOUSEBUTTONDOWN, pos=corners[0], button=pygame.BUTTON_RIGHT))
    for corner in corners[1:]:
        post(Event(pygame.MOUSEMOTION, pos=corner, rel=(9, 9), buttons=(0, 0, 1)))
    desk.window.frame()
    assert len(desk.state.selection.lasso) == len(corners)
    accent = np.asarray(desk.window.canvas.theme.accent)
    picture = pygame.surfarray.array3d(desk.window.canvas.surface)
    along = [
        ((np.asarray(one) * (8 - step) + np.asarray(two) * step) // 8).tolist()
        for one, two in pairwise(corners)
        for step in range(1, 8)
    ]
    near = [picture[x - 1 : x + 2, y - 1 : y + 2] for x, y in along]
    seen = [bool((np.abs(each.astype(int) - accent).sum(axis=2) < 120).any()) for each in near]
    assert np.mean(seen) > 0.8, "the line is not drawn"
    post(Event(pygame.MOUSEBUTTONUP, pos=corners[-1], button=pygame.BUTTON_RIGHT))
    desk.window.frame()
    pygame.key.set_mods(pygame.KMOD_NONE)


@pytest.mark.parametrize("view", ["circles", "hebbian"])
def test_a_lasso_selects_units_of_many_layers(ranked: Desk, view: str) -> None:
    if view == "hebbian":
        ranked.play("h")
        ranked.land()
    shown = views.of(ranked.state)
    stage = shown.stage(ranked.state)
    x, y = stage.x + stage.width // 2, stage.y + stage.height // 2
    first = [(x - 90, y - 90), (x + 90, y - 90), (x + 90, y + 90), (x - 90, y + 90)]
    drag(ranked, first)
    middles, subject = shown.middles(ranked.state), shown.subject(ranked.state)
    assert subject is not None
    inside = (np.abs(middles - (x, y)) < 88).all(axis=1)
    around = (np.abs(middles - (x, y)) < 92).all(axis=1)
    sure = {subject.place(index) for index in np.flatnonzero(inside).tolist()}
    maybe = {subject.place(index) for index in np.flatnonzero(around).tolist()}
    assert sure <= ranked.state.selection.units <= maybe
    assert len({layer for layer, _ in ranked.state.selection.units}) == 8
    assert not ranked.state.selection.lasso
    before = ranked.state.selection.units
    drag(ranked, [(x - 40, y - 150), (x + 40, y - 150), (x + 40, y - 100), (x - 40, y - 100)], shift=True)
    assert before < ranked.state.selection.units


@pytest.mark.parametrize("key", ["", "h"])
@pytest.mark.parametrize("size", ["900x600", "1280x800"])
def test_the_bars_of_the_legend_stand_over_their_scale_or_are_not_there(
    ranked: Desk, size: str, key: str
) -> None:
    ranked.play(f"{key} size:{size}")
    ranked.land()
    atlas, scale, canvas = ranked.state.atlas, legend.scale(ranked.state), ranked.window.canvas
    picture = picture_of(ranked.state, ranked.session.store)
    assert atlas is not None
    assert picture is not None
    now = ranking_of(ranked).now(picture.values)
    left, right = _ends(ranked)
    for number, row in legend.rows(ranked.state):
        ink = blend(palette.of_cluster(number, "dark"), canvas.theme.background, BAR)
        wide = sum(canvas.colour_at((x, row.y + 1)) == ink for x in range(row.x, row.right))
        share = min(1.0, float(now[atlas.row_of[number]]) / FULL)
        assert wide == pytest.approx(share * (right - left) if scale else 0, abs=1)


@pytest.mark.parametrize("size", ["1280x800", "1920x1080"])
def test_the_scale_of_the_bars_says_what_they_show(ranked: Desk, size: str) -> None:
    ranked.play(f"size:{size}")
    ranked.land()
    scale = legend.scale(ranked.state)
    assert scale is not None
    written = [text.text for text in ranked.window.canvas.written if scale.holds(*text.room[:2])]
    assert written == ["0", SCALE, f"{FULL}+"]
    ranked.play("d")
    assert SCALE not in [text.text for text in ranked.window.canvas.written]


def _ends(desk: Desk) -> tuple[int, int]:
    """Return where the bars begin, and where one of full length ends."""
    column = legend.column(desk.state)
    assert column is not None
    return column.x + SIGN - 3, column.right
