import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmri_look.colours import colour
from llmri_look.colours.colour import Scale
from llmri_look.colours.oklab import oklab
from llmri_look.colours.theme import THEMES, ColourMapName, ThemeName
from llmri_viewer.drawing.palettes import palette

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


@given(values, names, st.booleans(), st.booleans())
def test_a_level_stands_for_the_values_nearest_to_it(
    row: np.ndarray, name: ColourMapName, log: bool, clip: bool
) -> None:
    scale = colour.window(row, name, log=log, clip=clip)
    levels = colour.levels(row, scale)
    assert levels.max() < colour.LEVELS
    away = np.abs(scale.position(row) * (colour.LEVELS - 1) - levels)
    assert away.max() <= 0.5 + 1e-2  # single precision


def test_what_is_unknown_has_a_level_of_its_own() -> None:
    levels = colour.levels(np.array([np.nan, -np.inf, 0.0, np.inf], np.float32), Scale(-1, 1))
    assert levels.tolist() == [colour.UNKNOWN, 0, colour.LEVELS // 2, colour.LEVELS - 1]


def lightness(name: ColourMapName, theme: ThemeName = "dark") -> np.ndarray:
    return oklab(colour.table(name, theme))[:, 0]


@pytest.mark.parametrize("name", ["viridis", "magma", "cividis", "grey"])
def test_lightness_grows_along_a_sequential_map(name: ColourMapName) -> None:
    steps = np.diff(lightness(name))
    assert steps.min() > -0.0005  # a rounded 8-bit colour may be darker by a hair
    assert lightness(name)[-1] - lightness(name)[0] > 0.6


@pytest.mark.parametrize("name", ["viridis", "magma", "cividis"])
def test_no_part_of_a_sequential_map_is_much_steeper_than_another(name: ColourMapName) -> None:
    lab = oklab(colour.table(name, "dark")[::10])
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps[1:].max() < 2.2 * steps[1:].min()  # OKLab is not the space they were made in


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_both_sides_of_the_default_map_are_equally_light_and_lead_away_from_the_middle(
    theme: ThemeName,
) -> None:
    light = lightness("blue-amber", theme)
    assert np.abs(light - light[::-1]).max() < 0.01
    outward = np.diff(light[colour.LEVELS // 2 :]) * (1 if theme == "dark" else -1)
    assert outward.min() > -0.005
    assert abs(light[-1] - light[colour.LEVELS // 2]) > 0.4


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_middle_of_the_default_map_is_the_windows_ground(theme: ThemeName) -> None:
    assert tuple(colour.table("blue-amber", theme)[colour.LEVELS // 2]) == THEMES[theme].background


@pytest.mark.parametrize("name", colour.NAMES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_colour_tells_its_level_to_within_one(name: ColourMapName, theme: ThemeName) -> None:
    colours = colour.table(name, theme).astype(int)
    for level, ink in enumerate(colours):
        alike = np.flatnonzero((colours == ink).all(axis=1))
        assert np.abs(alike - level).max() <= 1


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_in_the_default_map_can_be_taken_for_an_edit(theme: ThemeName) -> None:
    lab = oklab(colour.table("blue-amber", theme))
    hue, chroma = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360, np.hypot(lab[:, 1], lab[:, 2])
    assert not (chroma[(hue > 115) & (hue < 185)] > 0.02).any()  # green
    assert not (chroma[(hue < 33) | (hue > 345)] > 0.02).any()  # red
    edits = oklab([THEMES[theme].boosted, THEMES[theme].ablated])
    assert np.linalg.norm(lab[:, None] - edits, axis=2).min() > 0.08


@pytest.mark.parametrize("name", colour.NAMES)
def test_every_map_has_as_many_colours_as_there_are_levels(name: ColourMapName) -> None:
    assert colour.table(name, "dark").shape == (colour.LEVELS, 3)
    assert len(palette(name, THEMES["dark"])) == 256


EVERY = st.floats(width=32, allow_nan=False)  # denormal, huge and infinite ones too
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
MOST = float(np.finfo(np.float32).max)


def places_of(row: np.ndarray, scale: Scale) -> np.ndarray:
    """Where values lie between the ends of a scale, 0 to 1, in double precision and without any haste."""
    exact: np.ndarray = row.astype(np.float64)
    low, high = np.float64(scale.low), np.float64(scale.high)
    if scale.magnitude:
        exact = np.abs(exact)
    if scale.log:
        small = max(abs(low), abs(high)) / 100
        exact, low, high = (
            np.sign(exact) * np.log1p(np.abs(exact) / small),
            *(np.sign(x) * np.log1p(np.abs(x) / small) for x in (low, high)),
        )
    places: np.ndarray = (np.clip(exact, low, high) - low) / (high - low)
    return places


@given(arrays(np.float32, st.integers(1, 60), elements=EVERY), names, st.booleans(), st.booleans())
def test_colours_keep_the_order_of_all_that_float32_can_say(
    row: np.ndarray, name: ColourMapName, log: bool, clip: bool
) -> None:
    scale = colour.window(row, name, log=log, clip=clip)
    ordered = row[np.argsort(np.abs(row) if scale.magnitude else row)]
    levels = colour.levels(ordered, scale).astype(int)
    assert np.diff(levels).min(initial=0) >= 0
    assert levels.max() < colour.LEVELS
    assert np.abs(levels - places_of(ordered, scale) * (colour.LEVELS - 1)).max() <= 0.5 + 0.05


@given(arrays(np.float32, st.integers(1, 60), elements=EVERY), FINITE, FINITE, st.booleans(), st.booleans())
def test_so_they_do_in_every_window_set_by_hand(
    row: np.ndarray, one: float, other: float, log: bool, magnitude: bool
) -> None:
    low, high = sorted((abs(one), abs(other)) if magnitude else (one, other))
    assume(low < high)
    scale = Scale(low, high, log, magnitude)
    ordered = row[np.argsort(np.abs(row) if magnitude else row)]
    levels = colour.levels(ordered, scale).astype(int)
    assert np.diff(levels).min(initial=0) >= 0
    assert np.abs(levels - places_of(ordered, scale) * (colour.LEVELS - 1)).max() <= 0.5 + 0.05


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "ends", [(-MOST, MOST), (-2 * MOST, 2 * MOST), (1e-45, 1e-43), (-1e-42, 0.0), (1e8, 1e8 + 64)]
)
def test_the_ends_and_the_middle_of_a_window_have_their_colours(ends: tuple[float, float], log: bool) -> None:
    scale = Scale(*ends, log)
    bar = np.array([scale.value(share) for share in (0, 0.5, 1)])
    assert colour.levels(bar, scale).tolist() == [0, colour.LEVELS // 2, colour.LEVELS - 1]
    assert colour.levels(np.array([np.nan, -np.inf, np.inf], np.float32), scale).tolist() == [
        colour.UNKNOWN, 0, colour.LEVELS - 1,
    ]  # fmt: skip
