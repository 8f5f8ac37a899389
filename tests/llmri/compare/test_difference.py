import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import rel_entr, softmax  # type: ignore[import-untyped]

from llmri.compare.difference import compare_predictions, relative_errors

SHAPE = (3, 2, 4)  # positions, layers, width
floats = arrays.arrays(np.float32, SHAPE, elements=st.floats(-100, 100, width=32))


@given(floats, floats)
def test_the_error_is_the_length_of_the_difference(one: np.ndarray, other: np.ndarray) -> None:
    one[0, :, 0] = 1  # no layer is silent
    wide = one.astype(np.float64)
    expected = [
        np.linalg.norm(wide[:, layer] - other[:, layer]) / np.linalg.norm(wide[:, layer]) for layer in (0, 1)
    ]
    np.testing.assert_allclose(relative_errors(one, other), expected, rtol=1e-9)


def test_equal_ones_have_no_error_though_both_are_silent() -> None:
    silent = np.zeros(SHAPE, np.float32)
    np.testing.assert_array_equal(relative_errors(silent, silent), [0, 0])
    assert np.isinf(relative_errors(silent, silent + 1)).all()


def test_a_silent_model_is_wrong_by_all() -> None:
    noise = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    np.testing.assert_allclose(relative_errors(noise, np.zeros_like(noise)), [1, 1])


@given(arrays.arrays(np.float32, (2, 3, 6), elements=st.floats(-30, 30, width=32)))
def test_predictions_diverge_as_scipy_says(logits: np.ndarray) -> None:
    one, other = logits
    one[:, 0] += 1  # never silent
    found = compare_predictions(one, other)
    expected = rel_entr(softmax(one.astype(float), axis=1), softmax(other.astype(float), axis=1)).sum(1)
    assert found.divergence == pytest.approx(expected.mean(), rel=1e-5, abs=1e-9)
    assert found.agreement == (one.argmax(1) == other.argmax(1)).mean()


def test_a_model_agrees_with_itself() -> None:
    logits = np.random.default_rng(2).standard_normal((5, 7)).astype(np.float32)
    found = compare_predictions(logits, logits)
    assert (found.error, found.divergence, found.agreement) == (0, 0, 1)
