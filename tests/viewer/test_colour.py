import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmri_viewer import colour
from llmri_viewer.colour import Scale
from llmri_viewer.options import ColourMapName, ThemeName

values = arrays(np.float32, st.integers(1, 300), elements=st.floats(-1e4, 1e4, width=32))
names = st.sampled_from(colour.NAMES)


@given(values, names, st.booleans(), st.booleans())
def test_larger_values_lie_further_along_every_scale(
    row: np.ndarray, name: ColourMapName, log: bool, clip: bool
) -> None:
    scale = colour.window(row, name, log=log, clip=clip)
    ordered = np.sort(np.abs(row) if scale.magnitude else row)
    places = scale.position(ordered)
    assert np.all(np.diff(places) >= -1e-6)
    assert places.min() >= 0
    assert places.max() <= 1


@given(values, st.sampled_from(colour.DIVERGING), st.booleans(), st.booleans())
def test_zero_is_the_middle_of_a_diverging_map(
    row: np.ndarray, name: ColourMapName, log: bool, clip: bool
) -> None:
    scale = colour.window(row, name, log=log, clip=clip)
    assert scale.position(np.zeros(1, np.float32))[0] == pytest.approx(0.5, abs=1e-6)


@given(values, names, st.booleans(), st.floats(0, 1))
def test_the_bars_numbers_are_the_values_that_have_those_colours(
    row: np.ndarray, name: ColourMapName, log: bool, share: float
) -> None:
    scale = colour.window(row, name, log=log, clip=False)
    value = scale.value(share)
    assert scale.position(np.array([value], np.float64))[0] == pytest.approx(share, abs=1e-3)


def test_the_percentile_clip_keeps_one_outlier_from_darkening_the_rest() -> None:
    row = np.append(np.linspace(-1, 1, 999), 1000).astype(np.float32)
    assert colour.window(row, "blue-amber", log=False, clip=True).high < 1.1
    assert colour.window(row, "blue-amber", log=False, clip=False).high == 1000


def test_the_log_scale_is_signed_and_spreads_small_values() -> None:
    scale = Scale(-100, 100, log=True)
    linear = Scale(-100, 100)
    small = np.array([-1, 1], np.float32)
    low, high = scale.position(small)
    assert low == pytest.approx(1 - high, abs=1e-6)
    assert high > linear.position(small)[1] + 0.05


def test_nothing_finite_gives_colours_all_the_same() -> None:
    row = np.array([np.nan, np.inf, -np.inf], np.float32)
    for name in colour.NAMES:
        painted = colour.paint(row, colour.window(row, name, log=True, clip=True), colour.table(name, "dark"))
        assert painted.shape == (3, 3)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_default_map_is_as_dark_or_light_as_the_theme_in_its_middle(theme: ThemeName) -> None:
    table = colour.table("blue-amber", theme)
    middle, ends = table[colour.LEVELS // 2].mean(), table[[0, -1]].mean()
    assert (middle < 40 < ends) if theme == "dark" else (middle > 240 > ends)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_default_map_takes_equal_perceptual_steps_on_each_side(theme: ThemeName) -> None:
    stops = colour.table("blue-amber", theme)
    lab = np.stack(
        [colour._oklab("#{:02x}{:02x}{:02x}".format(*stop)) for stop in stops[:: colour.LEVELS // 16]]
    )
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    for half in (steps[:7], steps[9:]):
        assert half.max() < 1.4 * half.min()
