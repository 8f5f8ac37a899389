"""Units along pixels: no peak is lost, and a unit is found where it is drawn."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_viewer.model.layout.columns import columns
from llmri_viewer.model.layout.reach import Reach

REACHES = st.tuples(st.floats(0, 0.9), st.floats(0.02, 1)).map(
    lambda pair: Reach(pair[0], min(1.0, pair[0] + pair[1]))
)


@settings(deadline=None)
@given(units=st.integers(4, 3000), pixels=st.integers(16, 900), reach=REACHES)
def test_every_unit_in_sight_is_in_a_pixel_and_pixels_ascend(units: int, pixels: int, reach: Reach) -> None:
    seen = columns(units, reach, pixels)
    assert (seen.stop > seen.first).all()
    assert (np.diff(seen.first) >= 0).all()
    shown = set(
        np.concatenate([np.arange(a, b) for a, b in zip(seen.first, seen.stop, strict=True)]).tolist()
    )
    assert shown == set(range(int(seen.first[0]), int(seen.stop[-1])))


@settings(deadline=None)
@given(units=st.integers(4, 3000), pixels=st.integers(16, 900), reach=REACHES, seed=st.integers(0, 9))
def test_a_pixel_shows_the_value_of_largest_magnitude_of_its_units(
    units: int, pixels: int, reach: Reach, seed: int
) -> None:
    rows = np.random.default_rng(seed).standard_normal((3, units)).astype(np.float32)
    seen = columns(units, reach, pixels)
    shown = seen.strongest(rows)
    for pixel in range(0, pixels, 7):
        stretch = rows[:, seen.first[pixel] : seen.stop[pixel]]
        expected = stretch[np.arange(3), np.abs(stretch).argmax(axis=1)]
        np.testing.assert_array_equal(shown[:, pixel], expected)
        assert rows[1, seen.strongest_at(rows[1], pixel)] == shown[1, pixel]


@settings(deadline=None)
@given(units=st.integers(4, 3000), pixels=st.integers(16, 900), reach=REACHES)
def test_the_middle_of_a_unit_is_a_pixel_that_shows_it(units: int, pixels: int, reach: Reach) -> None:
    seen = columns(units, reach, pixels)
    middles = seen.middles(units)
    for unit in range(0, units, 13):
        start, end = seen.pixels(unit)
        assert (end > start) == bool(np.isfinite(middles[unit]))
        if end > start:
            pixel = int(middles[unit])
            assert start <= pixel < end
            assert seen.first[pixel] <= unit < seen.stop[pixel]


def test_one_spike_among_sixteen_thousand_units_is_seen() -> None:
    row = np.zeros(16384, np.float32)
    row[9973] = -40
    shown = columns(16384, Reach(), 900).strongest(row)
    assert shown.min() == -40
    assert np.count_nonzero(shown) == 1


def test_zooming_holds_the_pointed_share_still_and_stops_at_the_least() -> None:
    reach = Reach().zoomed(3, 0.25)
    assert abs(reach.share(0.25) - 0.25) < 1e-12
    assert abs(reach.zoomed(99, 0.5, least=0.1).length - 0.1) < 1e-12
    assert reach.zoomed(-9, 0.5) == Reach()
