"""Every view is laid out, drawn and left in the same ways."""

from dataclasses import replace

import msgspec
import pygame
import pytest

from llmri_look.keys.bindings import load, view_titles
from llmri_look.view_names import ViewName
from llmri_look.words import layers, number
from llmri_protocol.messages import ProtectedUnit
from llmri_viewer import views
from llmri_viewer.drawing.scene import painters
from tests.viewer.conftest import Desk

NAMES = {"grid", "hebbian", "circles", "spectral", "influence", "layers", "tokens", "compare"}


def test_every_view_has_a_layout_a_painter_and_a_way_out() -> None:
    assert set(views.VIEWS) == set(painters()) == {views.HOME, *view_titles()} == NAMES
    table = load()
    for name in NAMES - {"grid"}:
        assert f"{name}.toggle" in {row.command for row in table.rows if row.mode == "view"}
        assert table.command(name, "escape") == "view.out"


@pytest.mark.parametrize(("keys", "view"), [("o", "grid"), ("h", "hebbian"), ("h o", "circles")])
def test_a_unit_is_hit_where_it_is_drawn_in_every_view(clustered: Desk, keys: str, view: ViewName) -> None:
    clustered.play(keys)
    state = clustered.state
    shown = views.of(state)
    assert state.pane.view == view
    subject = shown.subject(state)
    assert subject is not None
    found = 0
    for index in range(0, len(subject), 97):
        box = shown.box_of(state, index)
        if box is not None:
            at = (box.x + box.width // 2, box.y + box.height // 2)
            assert shown.unit_at(state, at) == index
            assert subject.index(subject.place(index)) == index
            found += 1
    assert found


@pytest.mark.parametrize("keys", ["o", "h sleep:1", "", "a", "f", "n"])
def test_m_marks_protected_units_in_every_view_of_units(clustered: Desk, keys: str) -> None:
    card, circles = clustered.state.connection.card, views.VIEWS["circles"]
    assert card is not None
    shown = next(at for at in range(3584, 4096) if circles.box_of(clustered.state, at))  # of the last layer
    layer, unit = views.VIEWS["circles"].subject(clustered.state).place(shown)  # type: ignore[union-attr]
    guarded = ProtectedUnit(site="mlp_act", layer=layer, unit=unit, evidence="massive")
    card = msgspec.structs.replace(card, protected=(guarded,))
    clustered.session.state = replace(
        clustered.state,
        connection=replace(clustered.state.connection, card=card),
        pane=replace(clustered.state.pane, layer=layer),
    )
    clustered.play(keys if keys != "n" else f"o click:unit={unit} n wait:measured")
    before = amber(clustered)
    clustered.play("m")
    assert amber(clustered) > before
    assert clustered.state.overlays.notice == f"1 protected unit at mlp_act, 1 in layer {layer}"


def amber(desk: Desk) -> int:
    """Count the pixels of the shown view in the colour of warnings."""
    box = views.of(desk.state).stage(desk.state)
    pixels = pygame.surfarray.array3d(desk.window.canvas.surface)[box.x : box.right, box.y : box.bottom]
    return int((pixels == desk.window.canvas.theme.warning).all(axis=2).sum())


def test_every_view_zooms_pans_and_fits(clustered: Desk) -> None:
    for keys in ("", "h", "h"):
        clustered.play(keys)
        start = clustered.state
        shown = views.of(start)
        moved = shown.panned(shown.zoomed(start, 2, None), 10, 5)
        assert (moved.pane.camera, moved.pane.disc_camera) != (start.pane.camera, start.pane.disc_camera)
        fitted = shown.fitted(moved)
        assert (fitted.pane.camera, fitted.pane.disc_camera) == (None, None)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((3,), "layer 3"),
        ((2, 3), "layers 2\N{EN DASH}3"),
        ((0, 4), "layers 0, 4"),
        ((0, 1, 2, 3, 4, 6), "6 of layers 0\N{EN DASH}6"),
    ],
)
def test_layers_are_named_by_their_span_or_one_by_one(numbers: tuple[int, ...], said: str) -> None:
    assert layers(numbers) == said


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zero_is_written_without_a_sign(zero: float) -> None:
    assert number(zero) == "0.000"
