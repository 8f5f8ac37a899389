"""The series over tokens that spectra are taken of: of a unit, a cluster, or a layer."""

import numpy as np
import numpy.typing as npt
import pytest

from llmri_clustering.spectra import amplitude_spectrum, mean_activation
from llmri_clustering.units import UnitSet

VALUES = np.random.default_rng(0).normal(size=(90, 12)).astype(np.float32)


def test_a_unit_a_cluster_and_a_layer_each_have_a_series() -> None:
    units = UnitSet.of_layers("mlp_act", [0, 1, 2], 4)
    np.testing.assert_allclose(mean_activation(VALUES, [5]), VALUES[:, 5])
    np.testing.assert_allclose(mean_activation(VALUES, [1, 7]), (VALUES[:, 1] + VALUES[:, 7]) / 2, atol=1e-6)
    np.testing.assert_allclose(
        mean_activation(VALUES, units.layer == 1), VALUES[:, 4:8].mean(axis=1), atol=1e-6
    )
    np.testing.assert_allclose(mean_activation(VALUES), VALUES.mean(axis=1), atol=1e-6)


def test_units_of_both_signs_cancel_but_their_magnitudes_do_not() -> None:
    rhythm = np.sin(2 * np.pi * np.arange(90) / 9)
    values = np.outer(2 + rhythm, [1, -1])
    assert amplitude_spectrum(mean_activation(values)).amplitudes.max() < 1e-12
    assert amplitude_spectrum(mean_activation(values, magnitude=True)).amplitudes.max() == pytest.approx(
        1, abs=1e-2
    )


@pytest.mark.parametrize(
    ("values", "units", "says"),
    [
        (VALUES[0], None, r"the values are \[12\], expected \[tokens, units\]"),
        (VALUES, [12], "no such units among 12"),
        (VALUES, np.full(5, True), "no such units among 12"),
        (VALUES, np.zeros(12, dtype=bool), "no unit is chosen, expected at least 1"),
    ],
)
def test_units_that_are_not_there_are_refused(
    values: npt.NDArray[np.floating], units: npt.NDArray[np.bool_] | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        mean_activation(values, units)
