"""The spectral view: what it shows, where it is pointed at, and what it says when there is nothing."""

from dataclasses import replace

import numpy as np
import pygame
import pytest
import scipy  # type: ignore[import-untyped]  # it brings no types

from llmri_viewer.drawing.charts.axes import Axis
from llmri_viewer.drawing.spectra import graph, octave_bars
from llmri_viewer.drawing.spectra.graph import Graph
from llmri_viewer.model.history.store import ScanRows, TokenRef
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.views.spectral import SpectralView
from llmri_viewer.views.values import signals
from llmri_viewer.views.values.spectra import curve, moving
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.views.test_spectra import along_tokens

VIEW = SpectralView()


@pytest.fixture
def shown(told: Desk) -> Desk:
    told.play("f")
    return told


def texts(desk: Desk) -> list[str]:
    desk.window.draw()
    return [text.text for text in desk.window.canvas.written]


def test_f_shows_the_spectrum_shift_f_the_next_kind_and_f_or_escape_leave(shown: Desk) -> None:
    assert (shown.state.pane.view, shown.state.mode, shown.state.look.spectrum) == (
        "spectral",
        "spectral",
        "units",
    )
    kinds = []
    for _ in range(3):
        shown.play("shift+f")
        kinds.append(shown.state.look.spectrum)
    assert kinds == ["tokens", "spectrogram", "units"]
    shown.play("f")
    assert shown.state.pane.view == "grid"
    shown.play("f + escape escape")
    assert shown.state.pane.view == "grid"


def test_the_curve_over_units_is_scipys_fft_of_the_layer_with_a_hann_window(shown: Desk) -> None:
    signal = signals.over_units(shown.state, shown.session.store)
    assert signal is not None
    assert shown.state.time.at is not None
    row = shown.server.rows(*shown.state.time.at, "mlp_act")[4].astype(np.float64)
    window = scipy.signal.get_window("hann", 512)
    transformed = scipy.fft.rfft(scipy.signal.detrend(row) * window)
    expected = 2 * np.abs(transformed) / window.sum()
    found = curve(signal)
    assert found is not None
    np.testing.assert_allclose(found.frequencies, np.arange(1, 257) / 512)
    np.testing.assert_allclose(found.amplitudes[:-1], expected[1:-1], rtol=1e-4, atol=1e-7)


def test_short_signals_have_no_spectrum_and_the_view_says_how_many_are_needed(desk: Desk) -> None:
    assert curve(along_tokens(np.ones(7))) is None
    assert moving(along_tokens(np.ones(15))) is None
    assert curve(along_tokens(np.full(64, np.nan))) is None
    desk.play(STORY_TOLD + "f shift+f")
    store = desk.session.store
    for token in (0, 1, 2):
        store.add_scan(
            TokenRef(9, token), "mlp_act", ScanRows(tuple(range(8)), np.ones((8, 512), np.float32))
        )
    assert not any("No spectrum" in text for text in texts(desk))
    desk.session.state = replace(desk.state, time=replace(desk.state.time, at=TokenRef(9, 2)))
    assert any("needs 8 at least" in text for text in texts(desk))


def test_an_ablated_unit_has_no_spectrum_and_the_view_says_so(shown: Desk) -> None:
    shown.play('x wait:edits say:"again" wait:turn_end shift+f')
    assert any("do not change" in text for text in texts(shown))
    assert curve(along_tokens(np.full(64, 3.7))) is None
    assert moving(along_tokens(np.full(64, 3.7))) is None


def test_selected_units_of_several_layers_are_read_in_their_own_layers(shown: Desk) -> None:
    shown.play("f down down add:unit=9 f shift+f")
    found = signals.over_tokens(shown.state, shown.session.store)
    assert found is not None
    assert found.units == ((4, 127), (6, 9))
    for step, token in enumerate(found.places.tolist()):
        rows = shown.server.rows(1, token, "mlp_act")
        np.testing.assert_array_equal(found.values[step], [rows[4, 127], rows[6, 9]])


def test_without_a_selection_the_shown_layer_is_taken(shown: Desk) -> None:
    shown.play("shift+f escape f")
    assert shown.state.selection.units
    shown.play("escape escape f")
    assert not shown.state.selection.units
    found = signals.over_tokens(shown.state, shown.session.store)
    assert found is not None
    assert len(found.units) == 512
    np.testing.assert_array_equal(found.values[3], shown.server.rows(1, 3, "mlp_act")[4])


def test_the_difference_takes_the_spectrum_of_the_change(shown: Desk) -> None:
    shown.play("d")
    signal = signals.over_units(shown.state, shown.session.store)
    assert signal is not None
    assert shown.state.time.at is not None
    turn, token = shown.state.time.at
    change = shown.server.rows(turn, token, "mlp_act") - shown.server.rows(turn, token - 1, "mlp_act")
    np.testing.assert_array_equal(signal.values[:, 0], change[4])
    assert "change of the activation of each unit" in texts(shown)
    shown.play("shift+f")
    changes = signals.over_tokens(shown.state, shown.session.store)
    assert changes is not None
    np.testing.assert_array_equal(changes.places, np.arange(1, 42))


def test_without_clusters_shift_h_says_why_and_keeps_index_order(shown: Desk) -> None:
    shown.play("shift+h")
    assert not shown.state.look.by_layout
    assert shown.state.overlays.warning
    assert "no clusters yet" in shown.state.overlays.notice


def test_in_hebbian_order_each_units_cell_is_beside_the_one_before(clustered: Desk) -> None:
    clustered.play("f shift+h")
    assert clustered.state.look.by_layout
    signal = signals.over_units(clustered.state, clustered.session.store)
    assert signal is not None
    assert sorted(signal.places.tolist()) == list(range(512))
    assert clustered.state.atlas is not None
    clustering = clustered.state.atlas.clustering
    here = clustering.units.layer == clustered.state.pane.layer
    cells = dict(
        zip(clustering.units.index[here].tolist(), clustering.placement.cells[here].tolist(), strict=True)
    )
    walked = [cells[unit] for unit in signal.places.tolist()]
    rows = [row for row, _ in walked]
    assert rows == sorted(rows)
    for row in set(rows):
        columns = [column for at, column in walked if at == row]
        assert columns == sorted(columns, reverse=row % 2 == 1)
    assert any("Hebbian order" in text for text in texts(clustered))
    clustered.play("shift+h")
    assert not clustered.state.look.by_layout


def test_the_pointer_reads_the_frequency_and_amplitude_of_the_curve(shown: Desk) -> None:
    plot = VIEW.parts(shown.state).plot
    found = curve(signals.over_units(shown.state, shown.session.store) or along_tokens(np.ones(9)))
    assert found is not None
    peak = int(found.amplitudes.argmax())
    x = plot.x + found.frequencies[peak] / 0.5 * plot.width
    shown.play(f"point:{round(x)},{plot.y + 40}")
    said = f"{found.frequencies[peak]:.4f} cycles  period {1 / found.frequencies[peak]:.4g} units"
    assert any(text.startswith(said) for text in texts(shown))


def test_the_highest_pixel_of_the_curve_is_the_peak_at_every_zoom(shown: Desk) -> None:
    found = curve(signals.over_units(shown.state, shown.session.store) or along_tokens(np.ones(9)))
    assert found is not None
    for keys in ("", "+ + +", "p + +"):
        shown.play(keys)
        state, plot = shown.state, VIEW.parts(shown.state).plot
        across = Axis(state.pane.reach.start * 0.5, state.pane.reach.stop * 0.5, plot.x, plot.right)
        up = graph.vertical(found, plot, log=state.look.log, clip=state.look.clip)
        drawn = graph.image(Graph(found, plot, across, up))
        rows, _ = np.nonzero((drawn % graph.SHADES) > graph.SHADES // 2)
        value = up.value(plot.y + rows.min())
        seen = found.amplitudes[(found.frequencies >= across.low) & (found.frequencies <= across.high)]
        assert value == pytest.approx(min(seen.max(), up.high), rel=0.03)


def test_zoom_and_pan_move_along_the_axis_and_zero_fits(shown: Desk) -> None:
    shown.play("+ + + +")
    assert shown.state.pane.reach.length == pytest.approx(1.25**-4)
    before = shown.state.pane.reach
    shown.session.state = VIEW.panned(shown.state, 40, 25)
    assert shown.state.pane.reach.start < before.start
    shown.play("0")
    assert shown.state.pane.reach == Reach()


def test_units_are_clicked_and_marked_in_the_signal(shown: Desk) -> None:
    shown.play("click:unit=300")
    assert shown.state.selection.units == {(4, 300)}
    shown.play("x wait:edits add:unit=20")
    box, theme = VIEW.parts(shown.state).signal, shown.window.canvas.theme
    assert box is not None
    shown.window.draw()
    colours = pygame.surfarray.array3d(shown.window.canvas.surface)
    for unit, ink in ((300, theme.ablated), (20, theme.accent)):
        place = VIEW.box_of(shown.state, unit)
        assert place is not None
        assert (colours[place.x - 2 : place.right + 2, box.y - 6 : box.bottom] == ink).all(axis=2).any()
        assert VIEW.unit_at(shown.state, (place.x + place.width // 2, place.y + 2)) == unit


def test_colours_of_amplitudes_start_at_nothing(shown: Desk) -> None:
    shown.play("escape f shift+f shift+f")
    assert "amplitude, linear, up to the 99th percentile of this turn" in texts(shown)
    assert "0.000" in texts(shown)
    shown.play("l p")
    assert "amplitude, log, full range of this turn" in texts(shown)


def test_a_window_set_by_hand_is_refused_in_words(shown: Desk) -> None:
    plot = VIEW.parts(shown.state).plot
    pygame.key.set_mods(pygame.KMOD_CTRL)
    at = (plot.x + 50, plot.y + 50)
    for kind, pos in ((pygame.MOUSEBUTTONDOWN, at), (pygame.MOUSEMOTION, (at[0] + 30, at[1]))):
        pygame.event.post(pygame.event.Event(kind, pos=pos, rel=(30, 0), buttons=(1, 0, 0), button=1))
    shown.window.frame()
    pygame.key.set_mods(pygame.KMOD_NONE)
    assert "its own scale" in shown.state.overlays.notice
    assert shown.state.look.limits is None


@pytest.mark.parametrize("size", ["480x360", "640x400", "900x600", "3840x2160"])
@pytest.mark.parametrize("kinds", ["", "shift+f", "shift+f shift+f"])
def test_texts_keep_to_their_places(shown: Desk, size: str, kinds: str) -> None:
    shown.play(f"size:{size} {kinds}")
    shown.window.draw()
    view = window_parts.of(shown.state.window.size)
    written = [text for text in shown.window.canvas.written if view.view.y <= text.taken.y < view.bar.bottom]
    for one in written:
        assert one.taken.right <= view.window.right
    for number, one in enumerate(written):
        for other in written[number + 1 :]:
            a, b = one.taken, other.taken
            apart = a.right <= b.x or b.right <= a.x or a.bottom - 2 <= b.y + 2 or b.bottom - 2 <= a.y + 2
            assert apart, (one, other)


@pytest.mark.parametrize("kinds", ["", "shift+f"])
def test_the_octave_bars_are_full_at_all_of_the_power(shown: Desk, kinds: str) -> None:
    shown.play(f"size:1280x800 {kinds}")
    written, canvas = texts(shown), shown.window.canvas
    assert any("a full bar is 100 %" in text for text in written)
    state, store = shown.state, shown.session.store
    signal = signals.over_tokens(state, store) if kinds else signals.over_units(state, store)
    found = curve(signal or along_tokens(np.ones(9)))
    assert found is not None
    bar, count = window_parts.of(state.window.size).bar, len(found.shares)
    y, each = bar.y + octave_bars.LINE + 3, (bar.width + octave_bars.GAP) // count
    for band, share in enumerate(found.shares.tolist()):
        left = bar.x + band * each
        inks = [canvas.colour_at((x, y + 1)) for x in range(left, left + each - octave_bars.GAP)]
        assert inks.count(canvas.theme.accent) == pytest.approx(max(1, share * len(inks)), abs=1.5)


@pytest.mark.parametrize("kinds", ["", "shift+f", "shift+f shift+f"])
def test_the_signal_has_a_scale_where_it_is_low_too(shown: Desk, kinds: str) -> None:
    shown.play(f"size:900x600 {kinds}")
    shown.window.draw()
    signal = VIEW.parts(shown.state).signal
    assert signal is not None
    numbers = [
        text
        for text in shown.window.canvas.written
        if text.taken.right < signal.x and signal.y - 9 < text.taken.y < signal.bottom
    ]
    assert len(numbers) >= 2


@pytest.mark.parametrize("size", ["900x600", "1280x800"])
@pytest.mark.parametrize("kinds", ["", "shift+f", "shift+f shift+f"])
def test_what_a_spectrum_shows_is_said_in_whole_clauses_beside_a_reading(
    shown: Desk, size: str, kinds: str
) -> None:
    shown.play(f"size:{size} {kinds}")
    plot = VIEW.parts(shown.state).plot
    shown.play(f"point:{plot.x + plot.width // 2},{plot.y + 40}")
    said = texts(shown)
    assert any("cycles  period" in text for text in said)
    assert not [text for text in said if text.startswith(("amplitude of", "cycles per")) and "…" in text]


def test_the_lines_of_the_grid_lie_under_the_curve_at_the_ticks(shown: Desk) -> None:
    state, plot = shown.state, VIEW.parts(shown.state).plot
    found = curve(signals.over_units(state, shown.session.store) or along_tokens(np.ones(9)))
    assert found is not None
    across = Axis(0, 0.5, plot.x, plot.right)
    drawn = Graph(found, plot, across, graph.vertical(found, plot, log=False, clip=False))
    bare, ruled = graph.image(drawn), graph.image(drawn, grid=True)
    changed = bare != ruled
    assert (ruled[changed] == graph.GRID).all()
    assert (bare[changed] % graph.SHADES == 0).all()
    rows, columns = np.flatnonzero(changed.mean(axis=1) > 0.5), np.flatnonzero(changed.mean(axis=0) > 0.5)
    np.testing.assert_allclose(rows, [drawn.up.pixel(at) - plot.y for at in drawn.up.ticks(32)][::-1], atol=1)
    ticks = [across.pixel(at) - plot.x for at in across.ticks(72)]
    np.testing.assert_allclose(columns, [x for x in ticks if x < plot.width], atol=1)
    shown.play("g")
    canvas = shown.window.canvas
    lower = [canvas.colour_at((plot.x + int(x), plot.y + 1)) for x in ticks[1:-1]]
    assert canvas.theme.line not in lower


def test_a_screen_of_high_density_gets_a_curve_as_fine_as_itself(shown: Desk) -> None:
    state, plot = shown.state, VIEW.parts(shown.state).plot
    found = curve(signals.over_units(state, shown.session.store) or along_tokens(np.ones(9)))
    assert found is not None
    up = graph.vertical(found, plot, log=False, clip=False)
    drawn = Graph(found, plot, Axis(0, 0.5, plot.x, plot.right), up)
    coarse, fine = graph.image(drawn, grid=True), graph.image(drawn, scale=2, grid=True)
    assert fine.shape == (2 * plot.height, 2 * plot.width)
    pairs = fine.reshape(plot.height, 2, plot.width, 2)
    assert (pairs != pairs[:, :1, :, :1]).mean() > 0.002  # not the coarse one with its pixels doubled
    lines = [(image == graph.GRID).sum() for image in (coarse, fine)]
    assert lines[1] == pytest.approx(4 * lines[0], rel=0.1)
    under = [(image % graph.GRID >= graph.SHADES).mean() for image in (coarse, fine)]
    assert under[1] == pytest.approx(under[0], abs=0.01)
