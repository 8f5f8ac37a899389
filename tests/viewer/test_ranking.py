"""Which clusters fire most is ranked by mean |z|, in the legend, where a click selects them."""

from itertools import pairwise

import numpy as np
import pygame
import pytest

from llmri_viewer import views
from llmri_viewer.clusters import legend
from llmri_viewer.clusters.ranker import REFRESH_SECONDS
from llmri_viewer.clusters.ranking import Ranking
from llmri_viewer.history.store import Moment
from tests.viewer.conftest import Desk


@pytest.fixture
def ranked(clustered: Desk) -> Desk:
    """A desk after two turns, of which the second is shown."""
    clustered.play('say:"And now a bird." wait:turn_end')
    clustered.session.glide(REFRESH_SECONDS)
    clustered.window.draw()
    return clustered


def ranking_of(desk: Desk) -> Ranking:
    assert desk.state.ranking is not None
    return desk.state.ranking


def reference(desk: Desk) -> dict[int, float]:
    """Give each cluster's mean |z| over the reply, unit by unit."""
    store, atlas = desk.session.store, desk.state.clusters
    assert atlas is not None
    rows = {
        (turn, token): store.sheet(Moment(turn, token), "mlp_act").rows.ravel()  # type: ignore[union-attr]
        for turn in (1, 2)
        for token in store.moments(turn, "mlp_act")
        if token > 0
    }
    every = np.stack(list(rows.values())).astype(np.float64)
    spread = every[:: max(1, -(-len(every) // 64))]
    reply = [key for key in rows if key[0] == 2 and store.turns[2].tokens[key[1]].phase == "generate"]
    reply = reply[:: max(1, -(-len(reply) // 32))]
    z = np.abs(np.stack([rows[key] for key in reply]) - spread.mean(axis=0))
    z = np.divide(z, spread.std(axis=0), out=np.zeros_like(z), where=spread.std(axis=0) > 0)
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


def test_the_grid_needs_no_ranking(ranked: Desk) -> None:
    ranked.play("o")
    assert ranked.state.ranking is None


@pytest.mark.parametrize("view", ["circles", "hebbian"])
def test_a_click_in_the_legend_selects_the_cluster_and_a_pointer_tells_its_size(
    ranked: Desk, view: str
) -> None:
    if view == "hebbian":
        ranked.play("h")
        ranked.land()
    (first, box), (second, other) = legend.rows(ranked.state)[:2]
    ranked.play(f"click:{box.x + 60},{box.y + 9}")
    atlas = ranked.state.clusters
    assert atlas is not None
    assert ranked.state.selection == atlas.places(first)
    assert ranked.state.picked == first
    units = atlas.clustering.cluster(first).units
    texts = [text.text for text in ranked.window.canvas.written]
    assert any(
        text.startswith(f"cluster {first}  {units} units, layers 0\N{EN DASH}7  mean |z| ") for text in texts
    )
    ranked.play(f"add:{other.x + 60},{other.y + 9}")
    assert ranked.state.selection == atlas.places(first) | atlas.places(second)


def test_a_double_click_in_the_legend_zooms_into_the_cluster(ranked: Desk) -> None:
    number, box = legend.rows(ranked.state)[3]
    ranked.play(f"double:{box.x + 60},{box.y + 9}")
    assert ranked.state.clusters is not None
    assert ranked.state.focus == ranked.state.clusters.cluster_group[number]


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
    assert len(desk.state.lasso) == len(corners)
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
    assert sure <= ranked.state.selection <= maybe
    assert len({layer for layer, _ in ranked.state.selection}) == 8
    assert not ranked.state.lasso
    before = ranked.state.selection
    drag(ranked, [(x - 40, y - 150), (x + 40, y - 150), (x + 40, y - 100), (x - 40, y - 100)], shift=True)
    assert before < ranked.state.selection
