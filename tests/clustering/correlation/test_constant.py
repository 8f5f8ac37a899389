"""A unit that does not vary is told apart and has correlation 0, silently."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.correlation import RunningCorrelation
from tests.clustering.correlation.streams import Floats, streams

numbers = st.floats(-(2.0**100), 2.0**100, width=32)


@pytest.fixture(autouse=True)
def _no_warnings() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@settings(deadline=None)
@given(streams(most=200), numbers, st.sampled_from([1, 3, 64]), st.booleans())
def test_a_constant_unit_has_correlation_0_with_all(
    values: Floats, number: float, gather: int, merged: bool
) -> None:
    values = np.column_stack([values, np.full(len(values), number, dtype=values.dtype)])
    correlation = RunningCorrelation(values.shape[1], gather=gather)
    half = len(values) // 2 if merged else len(values)
    correlation.add(values[:half])
    rest = RunningCorrelation(values.shape[1])
    rest.add(values[half:])
    correlation.merge(rest)
    np.testing.assert_array_equal(correlation.constant, np.ptp(values, axis=0) == 0)
    expected = np.zeros(values.shape[1])
    expected[-1] = 1
    np.testing.assert_array_equal(correlation.correlation()[-1], expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_wavering_between_two_neighbouring_numbers_is_rounding(dtype: type[np.floating]) -> None:
    low = dtype(0.1)
    wavers = np.random.default_rng(0).random(300) < 0.5
    unit = np.where(wavers, low, np.nextafter(low, dtype(1)))
    values = np.column_stack([unit, wavers.astype(dtype)]).astype(dtype)
    correlation = RunningCorrelation(2)
    correlation.add(values)
    np.testing.assert_array_equal(correlation.constant, [True, False])
    np.testing.assert_array_equal(correlation.correlation(), np.eye(2))


def test_a_unit_that_starts_to_vary_is_no_longer_constant() -> None:
    correlation = RunningCorrelation(2)
    correlation.add(np.full((70, 2), 0.1))
    assert correlation.constant.all()
    correlation.add(np.array([0.1, 0.3]))
    np.testing.assert_array_equal(correlation.constant, [True, False])


def test_two_parts_constant_at_different_values_vary_together() -> None:
    low, high = RunningCorrelation(2), RunningCorrelation(2)
    low.add(np.full((10, 2), 0.1))
    high.add(np.full((10, 2), 0.2))
    low.merge(high)
    assert not low.constant.any()
    np.testing.assert_allclose(low.correlation(), 1, atol=1e-6)
