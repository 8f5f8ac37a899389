"""Powers of bands of frequency."""

import numpy as np
import pytest
from scipy import signal  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.spectra import amplitude_spectrum, band_powers, spectrogram


@pytest.mark.parametrize("window", ["hann", "boxcar", "blackman"])
def test_a_sine_has_half_its_amplitude_squared_in_its_band(window: str) -> None:
    values = 3 * np.sin(2 * np.pi * np.arange(256) * 32 / 256)
    found = amplitude_spectrum(values, window=window, detrend="constant")
    np.testing.assert_allclose(band_powers(found, [0, 0.1, 0.15, 0.5]), [0, 4.5, 0], atol=1e-12)


@pytest.mark.parametrize("size", [300, 301])
def test_it_is_scipys_density_over_the_band(size: int) -> None:
    values = np.random.default_rng(0).normal(size=size)
    edges = [0, 0.05, 0.2, 0.5]
    frequencies, density = signal.periodogram(values, window="hann", detrend="linear")
    expected = [
        density[(frequencies >= low) & (frequencies < high)].sum() / size
        for low, high in zip(edges[:-1], [0.05, 0.2, 0.6], strict=True)
    ]
    np.testing.assert_allclose(band_powers(amplitude_spectrum(values), edges), expected, atol=1e-12)


def test_bands_of_all_frequencies_hold_all_power() -> None:
    found = amplitude_spectrum(np.random.default_rng(1).normal(size=100))
    bands = band_powers(found, [0, 0.013, 0.2, 0.31, 0.5])
    assert bands.sum() == pytest.approx(found.powers.sum())


def test_a_frequency_on_an_edge_is_in_the_band_above_except_the_last() -> None:
    found = amplitude_spectrum(np.random.default_rng(2).normal(size=8))
    powers = found.powers
    np.testing.assert_allclose(
        band_powers(found, [0, 0.25, 0.5]), [powers[:2].sum(), powers[2:].sum()], atol=1e-15
    )


@pytest.mark.parametrize("axis", [0, 1])
def test_bands_stand_where_frequencies_stood(axis: int) -> None:
    found = amplitude_spectrum(np.random.default_rng(3).normal(size=(20, 24)), axis=axis)
    bands = band_powers(found, [0, 0.2, 0.5])
    assert bands.shape == ((2, 24) if axis == 0 else (20, 2))
    np.testing.assert_allclose(bands.sum(axis=axis), found.powers.sum(axis=axis))


def test_a_spectrogram_has_bands_a_window() -> None:
    found = spectrogram(np.random.default_rng(4).normal(size=200), length=32, step=8)
    assert band_powers(found.spectrum, [0, 0.1, 0.5]).shape == (2, len(found.tokens))


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        ([0.1], r"the edges are \[1\], expected \[bands \+ 1\], at least \[2\]"),
        ([0, 0.3, 0.2], "expected them to ascend"),
        ([0, float("nan")], "expected them to ascend"),
        (
            [0, 0.3, 0.31, 0.5],
            "no frequency lies from 0.3 to 0.31: the spectrum has steps of 0.125 up to 0.5",
        ),
        ([0, 0.5, 0.6, 0.9], "no frequency lies from 0.6 to 0.9"),
    ],
)
def test_bands_that_hold_nothing_are_refused(edges: list[float], says: str) -> None:
    found = amplitude_spectrum(np.zeros(8))
    with pytest.raises(ValueError, match=says):
        band_powers(found, edges)
