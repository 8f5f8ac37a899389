import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.layout import nearest_by_correlation
from llmri_clustering.layout.neighbours import ROWS


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.integers(3, 40), st.data())
def test_neighbours_are_those_of_corrcoef(seed: int, units: int, samples: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, min(units - 1, 40)))
    values = np.random.default_rng(seed).normal(size=(samples, units)).astype(np.float32)
    _, correlation = nearest_by_correlation(values, k)
    reference = np.corrcoef(values.astype(np.float64), rowvar=False).reshape(units, units)
    np.fill_diagonal(reference, -np.inf)
    np.testing.assert_allclose(correlation, np.sort(reference, axis=1)[:, ::-1][:, :k], atol=2e-6)


def test_indices_and_correlations_belong_together_over_several_blocks() -> None:
    values = np.random.default_rng(0).normal(size=(20, ROWS + 100)).astype(np.float32)
    indices, correlation = nearest_by_correlation(values, 15)
    reference = np.corrcoef(values.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(correlation, np.take_along_axis(reference, indices, axis=1), atol=2e-6)
    assert (indices != np.arange(ROWS + 100)[:, None]).all()
    assert all(len(set(row)) == 15 for row in indices.tolist())


def test_equal_correlations_come_by_ascending_unit_however_many_strips_they_lie_in() -> None:
    shared = np.random.default_rng(0).integers(-3, 4, size=(20, 1))
    values = np.repeat(shared, 3 * ROWS + 50, axis=1)
    indices, correlation = nearest_by_correlation(values, 3)
    assert indices[:4].tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    assert (indices[4:] == [0, 1, 2]).all()
    assert (correlation == correlation[0, 0]).all()


def test_more_neighbours_than_a_strip_has_units_are_found() -> None:
    values = np.random.default_rng(0).normal(size=(20, ROWS + 100)).astype(np.float32)
    indices, _ = nearest_by_correlation(values, ROWS + 99)
    assert (np.sort(indices, axis=1)[0] == np.arange(1, ROWS + 100)).all()
    assert all(len(set(row)) == ROWS + 99 for row in indices.tolist())


def test_a_constant_unit_correlates_with_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    values[:, 2] = 7.1
    indices, correlation = nearest_by_correlation(values, 5)
    assert (correlation[2] == 0).all()
    assert indices[2].tolist() == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_units_of_any_size_are_compared(scale: float) -> None:
    values = np.random.default_rng(0).normal(size=(50, 40))
    plain, _ = nearest_by_correlation(values, 5)
    sized, correlation = nearest_by_correlation(scale * values, 5)
    assert np.isfinite(correlation).all()
    assert np.array_equal(plain, sized)


def test_bad_input_is_refused_with_numbers() -> None:
    values = np.zeros((4, 3), np.float32)
    with pytest.raises(ValueError, match="3 neighbours asked of 3 units, expected 1 to 2"):
        nearest_by_correlation(values, 3)
    with pytest.raises(ValueError, match="1 axes, expected 2"):
        nearest_by_correlation(values[0], 1)
    values[0, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 12 sampled values are not finite"):
        nearest_by_correlation(values, 1)
