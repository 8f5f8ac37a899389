"""The circle view: what is drawn is what is hit, and what is hit is what is edited."""

import threading
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pygame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_look.colours import palette
from llmri_look.colours.theme import Colour
from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import Intervene
from llmri_viewer import views
from llmri_viewer.commands.clusters import EnterGroup
from llmri_viewer.drawing.aside import Aside
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.drawing.plane import labels
from llmri_viewer.drawing.plane.inks import grounds
from llmri_viewer.drawing.plane.raster import rasterised
from llmri_viewer.model.clusters.atlas import Atlas, chosen_clusters
from llmri_viewer.model.clusters.gathered import Job
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.disc_camera import DiscCamera
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.options import Options
from llmri_viewer.views import picture_of
from llmri_viewer.views.circles import CirclesView, cluster_box, lens_of, stage_of
from tests.viewer import clusters
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

VIEW = CirclesView()


def atlas_of(desk: Desk) -> Atlas:
    assert desk.state.atlas is not None
    return desk.state.atlas


def pixels(desk: Desk) -> npt.NDArray[np.int64]:
    desk.window.draw()
    return pygame.surfarray.array3d(desk.window.canvas.surface).astype(np.int64)


def stage_pixels(desk: Desk) -> npt.NDArray[np.int64]:
    stage = stage_of(desk.state)
    return pixels(desk)[stage.x : stage.right, stage.y : stage.bottom]


def written(desk: Desk) -> list[str]:
    desk.window.draw()
    return [text.text for text in desk.window.canvas.written]


def middle(desk: Desk, unit: int) -> tuple[int, int]:
    box = VIEW.box_of(desk.state, unit)
    assert box is not None
    return box.x + box.width // 2, box.y + box.height // 2


@pytest.mark.parametrize("keys", ["", "+ + + +", "double:cluster=5", "size:900x600"])
def test_every_pixel_is_hit_as_what_it_shows(clustered: Desk, keys: str) -> None:
    clustered.play(keys)
    clustered.land()
    state, atlas, stage = clustered.state, atlas_of(clustered), stage_of(clustered.state)
    raster, units = rasterised(atlas, lens_of(state, atlas), stage), len(atlas.drawn)
    shown = np.full((stage.height, stage.width), -1)
    soft = np.zeros(shown.shape)
    box = raster.box
    inside = np.s_[box.y - stage.y : box.bottom - stage.y, box.x - stage.x : box.right - stage.x]
    shown[inside] = np.where((raster.ids < 2 * units) & (raster.soft < 128), raster.ids % units, -1)
    soft[inside] = raster.soft / 255
    rng = np.random.default_rng(0)
    for _ in range(600):
        x, y = int(rng.integers(stage.width)), int(rng.integers(stage.height))
        hit = VIEW.unit_at(state, (stage.x + x, stage.y + y))
        assert (-1 if hit is None else hit) == shown[y, x] or abs(soft[y, x] - 0.5) < 0.02


@pytest.mark.parametrize("keys", ["", "p", "l p", "c c p", "d p"])
def test_a_circle_read_through_the_colour_bar_gives_its_units_value(clustered: Desk, keys: str) -> None:
    clustered.play("double:cluster=5 " + keys)
    clustered.land()
    picture = picture_of(clustered.state, clustered.session.store)
    assert picture is not None
    colours, bar = pixels(clustered), window_parts.of(clustered.state.window.size).bar
    ramp = colours[bar.x + 1 : bar.right - 1, bar.y + 6]
    members = atlas_of(clustered).clustering.members(5)
    truth = clustered.server.rows(1, clustered.state.time.at.token, "mlp_act").ravel()  # type: ignore[union-attr]
    if not clustered.state.look.difference:
        np.testing.assert_array_equal(picture.values, truth)
    for unit in members[-60::9]:
        ink = colours[middle(clustered, int(unit))]
        read = (np.abs(ramp - ink).sum(axis=1).argmin() + 1) / (bar.width - 1)
        assert abs(read - picture.scale.position(picture.values[unit : unit + 1])[0]) < 0.01


def test_o_shows_circles_and_o_again_the_grid(clustered: Desk) -> None:
    assert (clustered.state.pane.view, clustered.state.mode) == ("circles", "circles")
    clustered.play("o")
    assert clustered.state.pane.view == "grid"


def test_o_goes_to_the_site_of_the_clusters_and_asks_for_its_scans(
    server: SyntheticServer, table: Bindings, atlas: Atlas
) -> None:
    desk = Desk(server, Options(), table, atlas)
    desk.play("wait:connected tab tab click:layer=1 o " + STORY_TOLD)
    assert (desk.state.pane.site, desk.state.pane.view) == ("mlp_act", "circles")
    assert picture_of(desk.state, desk.session.store) is not None
    desk.play("tab")
    assert desk.state.pane.site == "mlp_act"
    assert "another site can be seen in the grid" in desk.state.overlays.notice
    desk.close()


def test_a_click_selects_the_cluster_over_all_its_layers(clustered: Desk) -> None:
    clustered.play("click:cluster=16")
    assert clustered.state.selection.units == atlas_of(clustered).places(16)
    assert len({layer for layer, _ in clustered.state.selection.units}) == 8
    assert clustered.state.selection.picked == 16


def test_shift_click_adds_a_cluster_and_takes_it_out_again(clustered: Desk) -> None:
    clustered.play("click:cluster=16 add:cluster=5")
    atlas = atlas_of(clustered)
    assert chosen_clusters(atlas, clustered.state.selection.units) == (5, 16)
    assert any(text.endswith("Cluster 5") for text in written(clustered))
    clustered.play("add:cluster=5")
    assert chosen_clusters(atlas, clustered.state.selection.units) == (16,)
    assert any(text.endswith("Cluster 16") for text in written(clustered))


def test_a_click_beside_all_circles_selects_nothing(clustered: Desk) -> None:
    stage = stage_of(clustered.state)
    clustered.play(f"click:cluster=16 click:{stage.x + 2},{stage.y + 2}")
    assert not clustered.state.selection.units


def test_a_unit_of_no_cluster_is_selected_alone(clustered: Desk) -> None:
    atlas = atlas_of(clustered)
    unit = int(np.flatnonzero(atlas.drawn & (atlas.clustering.labels < 0))[0])
    x, y = middle(clustered, unit)
    clustered.play(f"click:{x},{y}")
    assert clustered.state.selection.units == {atlas.place(unit)}


def test_a_double_click_zooms_in_and_escape_out_level_by_level_and_then_leaves(clustered: Desk) -> None:
    atlas = atlas_of(clustered)
    clustered.play("double:cluster=5")
    inside = atlas.cluster_group[5]
    assert clustered.state.pane.focus == inside
    clustered.land()
    box = cluster_box(clustered.state, 5)
    assert box is not None
    assert box.height >= 0.95 * stage_of(clustered.state).height
    x, y = middle(clustered, int(atlas.clustering.members(5)[0]))
    clustered.play(f"sleep:0.5 double:{x},{y}")
    assert atlas.clustering.nesting.parent[clustered.state.pane.focus] == inside
    seen = []
    for _ in range(4):
        clustered.play("escape")
        seen.append((clustered.state.pane.view, clustered.state.pane.focus))
    family = int(atlas.clustering.nesting.parent[inside])
    assert seen == [("circles", inside), ("circles", family), ("circles", 0), ("grid", 0)]


def test_the_camera_glides_to_its_place(clustered: Desk) -> None:
    atlas = atlas_of(clustered)
    start = lens_of(clustered.state, atlas)
    clustered.session.do(EnterGroup(atlas.cluster_group[5]))
    radii = []
    while clustered.state.pane.flight:
        radii.append(lens_of(clustered.state, atlas).radius)
        clustered.session.glide(0.02)
        clustered.window.draw()
    assert radii[0] == start.radius
    assert radii == sorted(radii, reverse=True)
    assert len(radii) > 8


def test_wheel_keys_and_drag_move_the_camera_and_0_shows_everything(clustered: Desk) -> None:
    atlas = atlas_of(clustered)
    whole = lens_of(clustered.state, atlas)
    clustered.play("+ +")
    assert lens_of(clustered.state, atlas).radius == pytest.approx(whole.radius / 1.25**2)
    stage = stage_of(clustered.state)
    start = (stage.x + 200, stage.y + 200)
    for kind, at in (
        (pygame.MOUSEBUTTONDOWN, start),
        (pygame.MOUSEMOTION, (start[0] + 30, start[1] + 10)),
        (pygame.MOUSEBUTTONUP, (start[0] + 30, start[1] + 10)),
    ):
        event = pygame.event.Event(kind, pos=at, rel=(30, 10), buttons=(1, 0, 0), button=1)
        pygame.event.post(event)
    clustered.window.frame()
    moved = lens_of(clustered.state, atlas)
    assert (moved.x - whole.x) * moved.scale(stage) == pytest.approx(-30)
    assert not clustered.state.selection.units
    clustered.play("0")
    clustered.land()
    assert lens_of(clustered.state, atlas) == whole


def test_ablating_a_cluster_edits_every_layer_of_it_and_tints_its_circles(clustered: Desk) -> None:
    theme = clustered.window.canvas.theme
    assert not (pixels(clustered) == theme.ablated).all(axis=2).any()
    clustered.play("click:cluster=16 x wait:edits")
    (asked,) = [message for message in clustered.server.received if isinstance(message, Intervene)]
    assert {
        (edit.layer, unit) for edit in asked.edits for unit in edit.units
    } == clustered.state.selection.units
    assert [edit.layer for edit in asked.edits] == list(range(8))
    assert (pixels(clustered) == theme.ablated).all(axis=2).sum() > 500
    assert not (pixels(clustered) == theme.boosted).all(axis=2).any()


def on_ring(desk: Desk, number: int, inset: float, ink: Colour) -> npt.NDArray[np.bool_]:
    """Tell at which of 360 places around a cluster's outline its ink is found."""
    atlas = atlas_of(desk)
    lens, stage = lens_of(desk.state, atlas), stage_of(desk.state)
    x, y, radius = atlas.packing.groups[atlas.cluster_group[number]]
    left, top = lens.pixel(stage, x, y)
    angle = np.deg2rad(np.arange(360))
    reach = radius * lens.scale(stage) - inset
    colours = pixels(desk)[
        np.floor(left + reach * np.cos(angle)).astype(int), np.floor(top + reach * np.sin(angle)).astype(int)
    ]
    return np.asarray(np.abs(colours - np.asarray(ink)).sum(axis=1) < 90)


def test_a_cluster_below_its_null_has_a_dashed_outline_and_a_hollow_ground(clustered: Desk) -> None:
    for number, real in ((16, True), (38, False)):
        ink = palette.of_cluster(number, "dark")
        share = on_ring(clustered, number, 1.0, ink).mean()
        assert (share > 0.85) if real else (0.3 < share < 0.75), (number, share)
    atlas, theme = atlas_of(clustered), clustered.window.canvas.theme
    ground = grounds(atlas, theme)
    parent = atlas.clustering.nesting.parent
    for number, hollow in ((16, False), (38, True)):
        group = atlas.cluster_group[number]
        assert (ground[group] == ground[parent[group]]).all() == hollow


def test_below_null_is_said_in_the_legend_and_where_it_is_selected(clustered: Desk) -> None:
    assert written(clustered).count("below null") == 1
    clustered.play("click:cluster=38")
    assert written(clustered).count("below null") == 2
    clustered.play("size:900x600")
    assert any(text.endswith(", below null") for text in written(clustered))


def test_the_panel_has_the_evidence_beside_its_null(clustered: Desk) -> None:
    clustered.play("click:cluster=16")
    cluster = atlas_of(clustered).clustering.cluster(16)
    texts = written(clustered)
    for value in (cluster.evidence, cluster.null):
        for number in (value.inside, value.separation, value.stability):
            assert f"{number:+.3f}" in texts
    assert f"{cluster.units} units, layers 0\N{EN DASH}7" in texts
    assert {"fires most on", "in turns", "selectivity", "above null"} <= set(texts)
    best = max(cluster.selectivity.values(), key=lambda effect: effect.size)
    assert f"{best.size:+.2f} [{best.low:+.2f} {best.high:+.2f}]" in texts


def test_the_legend_says_what_the_clusters_stand_on(clustered: Desk) -> None:
    texts = written(clustered)
    assert {"1 - r", "average", "612 scans", "of 24 turns"} <= set(texts)
    assert "96 units not drawn: constant" in texts
    assert any("; 96 not drawn" in text for text in texts)


def test_a_warning_of_the_file_is_shown(server: SyntheticServer, table: Bindings) -> None:
    desk = Desk(server, Options(), table, Atlas.of(clusters.few()))
    desk.play("wait:connected o")
    assert any(text.startswith("stands on 120 samples:") for text in written(desk))
    desk.close()


LENSES = [(0.0, 0.0, 1.0), (0.3, -0.2, 0.4), (0.1, 0.5, 0.12), (-0.4, 0.1, 2.0)]


@pytest.mark.parametrize(("right", "down", "share"), LENSES)
def test_labels_stay_inside_their_circles_and_apart(
    clustered: Desk, right: float, down: float, share: float
) -> None:
    atlas, stage = atlas_of(clustered), stage_of(clustered.state)
    whole = atlas.packing.groups[0]
    lens = DiscCamera(right * whole[2], down * whole[2], share * whole[2])
    placed = labels.place(clustered.window.canvas.fonts, atlas, lens, stage)
    assert placed
    for label in placed:
        x, y, radius = atlas.packing.groups[atlas.cluster_group[label.number]]
        left, top = lens.pixel(stage, x, y)
        for corner_x in (label.plate.x, label.plate.right):
            for corner_y in (label.plate.y, label.plate.bottom):
                assert np.hypot(corner_x - left, corner_y - top) <= radius * lens.scale(stage)
                assert stage.x <= corner_x <= stage.right
        assert label.text.startswith(str(label.number))
    for number, one in enumerate(placed):
        for other in placed[number + 1 :]:
            a, b = one.plate, other.plate
            assert a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    right=st.floats(-1, 1),
    down=st.floats(-1, 1),
    share=st.floats(0.02, 3),
    size=st.sampled_from([(300, 200), (640, 480), (1500, 900)]),
)
def test_labels_of_any_packing_stay_inside_their_circles_and_apart(
    *, seed: int, count: int, right: float, down: float, share: float, size: tuple[int, int]
) -> None:
    atlas = Atlas.of(clusters.clustering(layers=2, width=300, clusters=count, quiet=8, below=0, seed=seed))
    pygame.font.init()
    whole, stage = atlas.packing.groups[0], Box(40, 60, *size)
    lens = DiscCamera(right * whole[2], down * whole[2], share * whole[2])
    corners: list[tuple[int, int, int, int]] = []
    for label in labels.place(Fonts(), atlas, lens, stage):
        x, y, radius = atlas.packing.groups[atlas.cluster_group[label.number]]
        left, top = lens.pixel(stage, x, y)
        plate = label.plate
        for at in ((plate.x, plate.y), (plate.right, plate.y), (plate.x, plate.bottom), plate[:2]):
            assert np.hypot(at[0] - left, at[1] - top) <= radius * lens.scale(stage)
        assert stage.x <= plate.x
        assert stage.y <= plate.y
        assert plate.right <= stage.right
        assert plate.bottom <= stage.bottom
        for other in corners:
            apart = plate.right <= other[0] or other[2] <= plate.x
            assert apart or plate.bottom <= other[1] or other[3] <= plate.y
        corners.append((plate.x, plate.y, plate.right, plate.bottom))


def test_before_any_scan_the_circles_are_unlit_and_say_why(
    server: SyntheticServer, table: Bindings, atlas: Atlas
) -> None:
    desk = Desk(server, Options(), table, atlas)
    desk.play("wait:connected o click:cluster=5")
    assert desk.state.selection.units == atlas.places(5)
    assert any(text.startswith("Unlit. Connected to pocket. Say something") for text in written(desk))
    desk.close()


def test_without_clusters_o_and_h_say_how_to_get_them(told: Desk) -> None:
    for key in "oh":
        told.play(key)
        text = " ".join(written(told))
        assert "No clusters yet" in text
        assert "`llmri cluster`" in text
        assert "--clusters FILE" in text
        told.play("click:640,300 + 0 escape")
        assert told.state.pane.view == "grid"


def test_clusters_of_another_model_stay_hidden_and_say_what_differs(
    server: SyntheticServer, table: Bindings
) -> None:
    other = Atlas.of(clusters.clustering(layers=4, width=64, clusters=6, quiet=4, below=1))
    desk = Desk(server, Options(), table, other)
    desk.play("wait:connected")
    sentence = "the clusters are of 64 units a layer at mlp_act; pocket has 512"
    assert (desk.state.overlays.notice, desk.state.overlays.warning) == (
        f"the clusters stay hidden: {sentence}",
        True,
    )
    desk.play(STORY_TOLD + "o + 0 h")
    assert "These clusters are of another model" in written(desk)
    assert desk.state.atlas is None
    desk.session.state = replace(
        desk.state, clusters=replace(desk.state.clusters, job=Job("correlating all pairs of units", 1, 9))
    )
    desk.window.draw()
    assert "Building clusters" in written(desk)
    desk.close()


def test_clusters_of_a_namesake_are_shown_with_a_word(server: SyntheticServer, table: Bindings) -> None:
    desk = Desk(server, Options(), table, Atlas.of(clusters.clustering(model="pocket-2")))
    desk.play("wait:connected")
    assert desk.state.overlays.notice == "the clusters were made from pocket-2, this model is pocket"
    assert desk.state.atlas is not None
    desk.close()


class Slow:
    """Keeps what is made aside waiting until it is let go."""

    def __init__(self, desk: Desk) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self._made, self._canvas = threading.Semaphore(0), desk.window.canvas

    def __enter__(self) -> "Slow":
        self._canvas.aside = Aside(self._made.release)
        self.hold()
        return self

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self._canvas.aside.__exit__(None, None, None)
        self._canvas.aside = Aside()

    def hold(self) -> None:
        self._begun.clear()
        self._go.clear()
        self._canvas.aside.get(self._wait, object())
        assert self._begun.wait(20)

    def _wait(self, _key: object) -> bool:
        self._begun.set()
        return self._go.wait(20)

    def let_go(self) -> None:
        """Let everything be made that was asked for."""
        self._go.set()
        for _ in range(2):
            assert self._made.acquire(timeout=20)


def test_while_soft_edges_are_worked_out_circles_have_hard_ones_and_then_the_same_picture(
    clustered: Desk,
) -> None:
    clustered.play("double:cluster=5")
    clustered.land()
    whole = stage_pixels(clustered)
    with Slow(clustered) as slow:
        hard = stage_pixels(clustered)
        slow.let_go()
        assert np.array_equal(stage_pixels(clustered), whole)
    assert 0 < (hard != whole).any(axis=2).mean() < 0.25


def test_a_new_selection_keeps_the_picture_whole_while_its_outline_is_worked_out(clustered: Desk) -> None:
    clustered.land()
    whole = stage_pixels(clustered)
    with Slow(clustered) as slow:
        pixels(clustered)
        slow.let_go()
        pixels(clustered)
        slow.hold()
        clustered.session.state = replace(
            clustered.state,
            selection=replace(clustered.state.selection, units=cluster_places(clustered, 5)),
        )
        waiting = stage_pixels(clustered)
        slow.let_go()
        outlined = stage_pixels(clustered)
    assert (waiting != whole).any(axis=2).mean() < 0.02
    assert (outlined != waiting).any(axis=2).sum() > 20


def cluster_places(desk: Desk, number: int) -> frozenset[tuple[int, int]]:
    atlas = atlas_of(desk)
    members = np.flatnonzero(atlas.clustering.labels == number)
    return frozenset(atlas.place(int(index)) for index in members)


@pytest.mark.parametrize(
    "keys", ["", "click:cluster=16", "add:cluster=5", "click:cluster=16 x wait:edits", "d"]
)
@pytest.mark.parametrize("view", ["", "h"])
def test_the_line_over_the_view_is_whole_at_900_pixels_whatever_is_pointed_at(
    clustered: Desk, view: str, keys: str
) -> None:
    clustered.play(f"size:900x600 {keys} {view}")
    line = window_parts.of(clustered.state.window.size).caption
    clustered.land()
    at = views.of(clustered.state).stage(clustered.state)
    for x, y in ((at.x + at.width // 2, at.y + at.height // 2), (10, 590), (line.x + 40, at.y + 160)):
        clustered.play(f"point:{x},{y}")
        clustered.window.draw()
        said = [text.text for text in clustered.window.canvas.written if line.holds(*text.room[:2])]
        assert said[0] == views.of(clustered.state).title(clustered.state)[0]
        assert not any("…" in text for text in said), said
