"""Co-activation strength: row strength of the thresholded correlation graph."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_clustering.correlation import co_activation_strength


def test_correlations_that_reach_the_threshold_are_added_up() -> None:
    correlation = np.array([[1, 0.5, -0.8, 0.2], [0.5, 1, 0.75, 0], [-0.8, 0.75, 1, 0.5], [0.2, 0, 0.5, 1]])
    np.testing.assert_allclose(co_activation_strength(correlation, 0.5), [0.5, 1.25, 1.25, 0.5])
    np.testing.assert_allclose(
        co_activation_strength(correlation, 0.5, magnitude=True), [1.3, 1.25, 2.05, 0.5]
    )
    np.testing.assert_array_equal(co_activation_strength(correlation, 1.0), 0)


@given(st.integers(1, 600), st.floats(0, 1), st.booleans())
def test_it_is_the_sum_over_other_units(units: int, threshold: float, magnitude: bool) -> None:
    random = np.random.default_rng(units)
    correlation = random.uniform(-1, 1, (units, units)).astype(np.float32)
    before = correlation.copy()
    weights = correlation.astype(np.float64)
    np.fill_diagonal(weights, 0)
    weights = np.abs(weights) if magnitude else weights
    expected = np.where(weights >= threshold, weights, 0).sum(axis=1)
    found = co_activation_strength(correlation, threshold, magnitude=magnitude)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(correlation, before)


def test_its_documentation_says_that_it_is_not_causal() -> None:
    said = inspect.getdoc(co_activation_strength) or ""
    assert "co-activation strength" in said
    assert "causal influence is another thing" in said


@pytest.mark.parametrize(
    ("correlation", "threshold", "says"),
    [
        (np.eye(3)[:2], 0.5, r"the correlation is \[2, 3\], expected \[units, units\]"),
        (np.eye(3), 1.5, "the threshold is 1.5, expected 0 to 1"),
        (np.eye(3), float("nan"), "the threshold is nan, expected 0 to 1"),
        (np.full((2, 2), np.nan), 0.5, "the correlation holds NaN, expected 0 for a constant unit"),
    ],
)
def test_what_is_no_correlation_is_refused(
    correlation: np.ndarray[tuple[int, int], np.dtype[np.float64]], threshold: float, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        co_activation_strength(correlation, threshold)
