"""Axes have round numbers, and pixels agree with values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.ticker import MaxNLocator

from llmri_viewer.drawing.charts.axes import Axis, above, decades, label, ticks


@settings(deadline=None)
@given(low=st.floats(-1e4, 1e4), span=st.floats(1e-3, 1e4), most=st.integers(1, 12))
def test_ticks_are_round_inside_and_as_matplotlib_would_set_them(low: float, span: float, most: int) -> None:
    found = np.asarray(ticks(low, low + span, most))
    assert len(found) <= most + 1
    edge = 1e-6 * span
    assert (found >= low - edge).all()
    assert (found <= low + span + edge).all()
    locator = MaxNLocator(most, steps=[1, 2, 5, 10], min_n_ticks=1)
    expected = np.asarray(locator.tick_values(low, low + span))
    expected = expected[(expected >= low - edge) & (expected <= low + span + edge)]
    if len(found) > 1 and 1 < len(expected) <= most + 1:  # else rounding let it overstep
        assert np.diff(found)[0] <= np.diff(expected)[0] * (1 + 1e-6)


def test_decades_show_twos_and_fives_where_there_is_room() -> None:
    assert decades(0.02, 0.3, 5) == pytest.approx((0.02, 0.05, 0.1, 0.2))
    assert decades(0.001, 1000, 7) == pytest.approx((0.001, 0.01, 0.1, 1, 10, 100, 1000))
    assert len(decades(1e-9, 1e9, 4)) <= 5


@pytest.mark.parametrize("log", [False, True])
def test_a_pixel_is_where_its_value_is(log: bool) -> None:
    axis = Axis(0.01, 20.0, 400, 100, log=log)
    for value in (0.01, 0.5, 3.0, 20.0):
        assert axis.value(axis.pixel(value)) == pytest.approx(value)
    values = np.array([0.01, 0.5, 20.0])
    assert axis.pixels(values) == pytest.approx([axis.pixel(value) for value in values.tolist()])


def test_an_axis_ends_at_a_round_number_above_the_highest() -> None:
    assert above(0.00271) == pytest.approx(0.003)
    assert above(1.0) == 1.0
    assert above(0.0) == 1.0


@pytest.mark.parametrize(
    ("value", "step", "said"),
    [(0.25, 0.05, "0.25"), (0, 5, "0"), (150, 50, "150"), (2e-6, 1e-6, "2e-6"), (200000.0, 1e5, "2e5")],
)
def test_labels_have_the_digits_that_their_step_needs(value: float, step: float, said: str) -> None:
    assert label(value, step) == said
