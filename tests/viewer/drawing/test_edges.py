"""Units glide to their place, and the strongest correlations are lines between them."""

from dataclasses import replace

import numpy as np
import pygame
import pytest

from llmri_clustering.correlation import Partners
from llmri_look.colours.colour import UNKNOWN
from llmri_viewer.drawing.plane.hebbian import FINE, on_the_way
from llmri_viewer.model.clusters.edges import MOST, edges_of
from llmri_viewer.views.lattice import SETTLE_SECONDS, HebbianView, hebbian
from tests.viewer.conftest import Desk

VIEW = HebbianView()


def partners(units: int = 4096, number: int = 4, seed: int = 3) -> Partners:
    """Return each unit four partners at random, as if they correlated."""
    rng = np.random.default_rng(seed)
    others = (np.arange(units)[:, None] + rng.integers(1, units, (units, number))) % units
    r = rng.uniform(0.3, 0.9, (units, number)) * np.where(rng.random((units, number)) < 0.3, -1, 1)
    return Partners(others.astype(np.int32), r.astype(np.float32))


@pytest.fixture
def joined(clustered: Desk) -> Desk:
    clustered.session.state = replace(
        clustered.state, clusters=replace(clustered.state.clusters, partners=partners())
    )
    clustered.play("h")
    clustered.land()
    return clustered


def surface(desk: Desk) -> np.ndarray:
    """Return the stage's pixels, black elsewhere."""
    desk.window.draw()
    pixels = pygame.surfarray.array3d(desk.window.canvas.surface).astype(int)
    stage, seen = VIEW.stage(desk.state), np.zeros_like(pixels)
    here = np.s_[stage.x : stage.right, stage.y : stage.bottom]
    seen[here] = pixels[here]
    return seen


def test_units_glide_from_index_order_to_their_place(clustered: Desk) -> None:
    clustered.play("h")
    clustered.session.state = replace(clustered.state, pane=replace(clustered.state.pane, settling=0.0))
    assert clustered.state.moving
    first = surface(clustered)
    clustered.session.glide(SETTLE_SECONDS / 2)
    assert clustered.state.pane.settling == pytest.approx(0.5)
    middle = surface(clustered)
    clustered.session.glide(SETTLE_SECONDS)
    assert clustered.state.pane.settling == 1.0
    assert not clustered.state.moving
    last = surface(clustered)
    assert (first != middle).any()
    assert (middle != last).any()


def test_at_the_ends_of_the_way_every_unit_is_where_it_belongs(clustered: Desk) -> None:
    assert clustered.state.atlas is not None
    lattice = hebbian(clustered.state.atlas)
    levels = np.random.default_rng(0).integers(0, UNKNOWN, 4096).astype(np.uint8)
    for share, cells in ((0.0, np.arange(4096)), (1.0, lattice.cells)):
        image = on_the_way(lattice, levels, share)
        assert image.shape == (FINE * lattice.grid.rows, FINE * lattice.grid.columns)
        row, column = np.divmod(cells, lattice.grid.columns)
        for shift in range(FINE):
            np.testing.assert_array_equal(image[FINE * row + shift, FINE * column + shift], levels)
        assert (image == UNKNOWN).sum() == image.size - 4096 * FINE * FINE


def test_shift_h_draws_the_strongest_correlations_and_says_so(joined: Desk) -> None:
    before = surface(joined)
    joined.play("shift+h")
    assert joined.state.look.edges
    drawn = surface(joined)
    assert (drawn != before).any(axis=2).sum() > 5000
    title = VIEW.title(joined.state)[1]
    assert title.endswith(
        f"lines: the {MOST} strongest correlations, |r| "
        f"{np.abs(found(joined).r[-1]):.2f} to {np.abs(found(joined).r[0]):.2f}, dashed below zero"
    )
    joined.play("shift+h")
    assert not joined.state.look.edges
    np.testing.assert_array_equal(surface(joined), before)


def found(desk: Desk):  # type: ignore[no-untyped-def]
    assert desk.state.atlas is not None
    assert desk.state.clusters.partners is not None
    return edges_of(desk.state.atlas, desk.state.clusters.partners, desk.state.selection.units)


def test_a_selections_own_correlations_come_first(joined: Desk) -> None:
    joined.play("shift+h")
    assert joined.state.atlas is not None
    chosen = 1234
    layer, unit = joined.state.atlas.place(chosen)
    joined.session.state = replace(
        joined.state, selection=replace(joined.state.selection, units=frozenset({(layer, unit)}))
    )
    edges = found(joined)
    assert (edges.pairs == chosen).any(axis=1).all()
    assert "strongest correlations of the selection" in VIEW.title(joined.state)[1]
    theirs = joined.state.clusters.partners
    assert theirs is not None
    assert set(theirs.unit[chosen].tolist()) <= set(edges.pairs.ravel().tolist())


def test_a_line_runs_from_middle_to_middle(joined: Desk) -> None:
    atlas = joined.state.atlas
    assert atlas is not None
    nobody = np.full((4096, 1), -1, np.int32)
    nobody[10], strengths = 4000, np.zeros((4096, 1), np.float32)
    strengths[10] = 0.9
    joined.session.state = replace(
        joined.state,
        selection=replace(joined.state.selection, units=frozenset()),
        look=replace(joined.state.look, edges=False),
    )
    before = surface(joined)
    joined.session.state = replace(
        joined.state,
        clusters=replace(joined.state.clusters, partners=Partners(nobody, strengths)),
        look=replace(joined.state.look, edges=True),
    )
    changed = (surface(joined) != before).any(axis=2)
    for unit in (10, 4000):
        box = VIEW.box_of(joined.state, unit)
        assert box is not None
        assert changed[box.x : box.right, box.y : box.bottom].any()
    boxes = [VIEW.box_of(joined.state, unit) for unit in (10, 4000)]
    left, top = (min(getattr(box, side) for box in boxes) for side in "xy")
    right = max(box.right for box in boxes if box)
    bottom = max(box.bottom for box in boxes if box)
    assert changed.sum() == changed[left:right, top:bottom].sum()
    length = np.hypot(right - left, bottom - top)
    assert 0.6 * length < changed.sum() < 3 * length
