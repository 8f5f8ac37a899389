import numpy as np
import pytest

from llmri_clustering.agglomeration.standardise import standardised


def test_products_of_standardised_units_are_their_correlations() -> None:
    samples = np.random.default_rng(0).normal(3, 2, size=(40, 600))
    rows = standardised(samples, np.float64)
    assert np.allclose(rows @ rows.T, np.corrcoef(samples, rowvar=False), atol=1e-12)


def test_a_mean_far_from_zero_costs_no_precision() -> None:
    noise = np.random.default_rng(1).normal(size=(200, 8))
    far = (1000 + noise).astype(np.float32)
    rows = standardised(far)
    assert np.allclose(rows @ rows.T, np.corrcoef(far.astype(np.float64), rowvar=False), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3e8, 1e-30])
def test_a_constant_unit_becomes_zeros(value: float) -> None:
    samples = np.random.default_rng(2).normal(size=(7, 3)).astype(np.float32)
    samples[:, 1] = value
    rows = standardised(samples)
    assert not rows[1].any()
    assert np.allclose(np.linalg.norm(rows[[0, 2]], axis=1), 1)


def test_values_near_the_largest_float32_are_no_overflow() -> None:
    rows = standardised(np.array([[3e38], [-3e38]], dtype=np.float32))
    assert np.allclose(rows, [[np.sqrt(0.5), -np.sqrt(0.5)]])


def test_the_samples_stay_as_they_were() -> None:
    samples = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    before = samples.copy()
    standardised(samples)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(5), "1 axes, expected 2"),
        (np.zeros((5, 0)), "0 units, expected at least 1"),
        (np.zeros((1, 5)), "too few samples for a correlation: 1, expected at least 2"),
        (np.zeros((0, 5)), "too few samples for a correlation: 0, expected at least 2"),
        (np.array([[0, np.nan], [1, 2]]), "unit 1 has a sample that is not finite"),
        (np.array([[np.inf, 1], [1, 2]]), "unit 0 has a sample that is not finite"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_cannot_be_standardised_is_named(samples: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        standardised(samples)
