"""The window's division, at every size."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.density import scale_of
from llmri_viewer.model.layout.geometry import Box

sizes = st.tuples(st.integers(480, 4000), st.integers(360, 3000))


def panels(parts: window_parts.WindowParts) -> list[Box]:
    found = [parts.status, parts.layers, parts.caption, parts.view, parts.bar, parts.strip, parts.scrubber]
    return [*found, parts.footer, *([parts.side] if parts.side else [])]


def apart(one: Box, other: Box) -> bool:
    beside = one.right <= other.x or other.right <= one.x
    return beside or one.bottom <= other.y or other.bottom <= one.y


@given(sizes)
def test_panels_stay_in_the_window_and_apart(size: tuple[int, int]) -> None:
    parts = window_parts.of(size)
    for panel in panels(parts):
        assert panel.x >= 0
        assert panel.y >= 0
        assert panel.right <= size[0]
        assert panel.bottom <= size[1]
        assert panel.width > 0
        assert panel.height > 0
    for one, other in combinations(panels(parts), 2):
        assert apart(one, other), (one, other)


@given(sizes)
def test_the_side_panel_folds_away_in_narrow_windows_only(size: tuple[int, int]) -> None:
    assert (window_parts.of(size).side is None) == (size[0] < window_parts.FOLD_WIDTH)


@given(st.integers(900, 4000), st.integers(600, 3000))
def test_the_view_has_most_of_the_room(width: int, height: int) -> None:
    parts = window_parts.of((width, height))
    others = [panel for panel in panels(parts) if panel is not parts.view]
    assert parts.view.width * parts.view.height > max(panel.width * panel.height for panel in others)
    assert 3 * parts.view.width * parts.view.height > width * height


@given(sizes)
def test_a_notices_tray_never_touches_the_view(size: tuple[int, int]) -> None:
    parts = window_parts.of(size)
    assert apart(parts.below, parts.view)
    assert apart(parts.below, parts.bar)
    assert parts.below.bottom == parts.footer.y


@pytest.mark.parametrize(
    ("desktop", "scale"),
    [((0, 0), 1), ((1366, 768), 1), ((2560, 1440), 1), ((3840, 2160), 2), ((7680, 4320), 3)],
)
def test_the_scale_is_chosen_by_the_desktops_lines(desktop: tuple[int, int], scale: int) -> None:
    assert scale_of("auto", desktop) == scale
    assert scale_of(2, desktop) == 2
