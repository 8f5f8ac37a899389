"""Amplitude spectra say how large a sine is, and agree with scipy's."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.spectra import Detrend, amplitude_spectrum

WINDOWS = ["hann", "boxcar", "blackman", "flattop"]
DETRENDS: list[Detrend | None] = ["linear", "constant", None]


def amplitudes_of(power: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Turn scipy's power of a sine, A^2 / 2, into its amplitude A."""
    amplitudes = np.sqrt(2 * power)
    amplitudes[0] /= np.sqrt(2)
    if size % 2 == 0:
        amplitudes[-1] /= np.sqrt(2)
    return amplitudes


@settings(deadline=None)
@given(
    size=st.integers(4, 200),
    seed=st.integers(0, 1000),
    window=st.sampled_from(WINDOWS),
    detrend=st.sampled_from(DETRENDS),
    spacing=st.sampled_from([1.0, 0.5, 3.0]),
)
def test_it_is_scipys_periodogram(
    size: int, seed: int, window: str, detrend: Detrend | None, spacing: float
) -> None:
    values = np.random.default_rng(seed).normal(2, size=size)
    found = amplitude_spectrum(values, window=window, detrend=detrend, spacing=spacing)
    frequencies, power = signal.periodogram(
        values, 1 / spacing, window, detrend=detrend or False, scaling="spectrum"
    )
    np.testing.assert_allclose(found.frequencies, frequencies, atol=1e-12)
    np.testing.assert_allclose(found.amplitudes, amplitudes_of(power, size), atol=1e-10)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("size", [128, 129])
def test_a_sine_of_amplitude_a_peaks_at_a(window: str, size: int) -> None:
    units = np.arange(size)
    frequency = 24 / size
    found = amplitude_spectrum(
        5 + 0.7 * np.sin(2 * np.pi * frequency * units + 1), window=window, detrend="constant"
    )
    peak = int(np.argmax(found.amplitudes))
    assert found.frequencies[peak] == pytest.approx(frequency)
    assert found.amplitudes[peak] == pytest.approx(0.7)


def test_the_mean_and_the_fastest_alternation_have_their_amplitude_too() -> None:
    found = amplitude_spectrum(3 + 2 * (-1.0) ** np.arange(64), detrend=None)
    assert found.amplitudes[0] == pytest.approx(3)
    assert found.amplitudes[-1] == pytest.approx(2)


def test_frequencies_are_cycles_per_unit_or_per_token() -> None:
    np.testing.assert_allclose(amplitude_spectrum(np.zeros(8)).frequencies, [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8])
    every_other = amplitude_spectrum(np.zeros(8), spacing=2).frequencies
    np.testing.assert_allclose(every_other, [0, 1 / 16, 2 / 16, 3 / 16, 4 / 16])


def test_a_slope_and_a_mean_are_no_structure() -> None:
    slope = 100 + 3.0 * np.arange(50)
    np.testing.assert_allclose(amplitude_spectrum(slope).amplitudes, 0, atol=1e-10)
    assert amplitude_spectrum(slope, detrend="constant").amplitudes.max() > 10
    np.testing.assert_allclose(
        amplitude_spectrum(np.full(50, 9.0), detrend="constant").amplitudes, 0, atol=1e-12
    )


def test_an_order_decides_what_is_seen() -> None:
    """A wave over units in one order is noise in another, and comes back with the first."""
    random = np.random.default_rng(0)
    order = random.permutation(256)
    scan = np.empty(256)
    scan[order] = np.sin(2 * np.pi * np.arange(256) / 16)
    assert amplitude_spectrum(scan[order]).amplitudes.max() == pytest.approx(1, abs=1e-2)
    assert amplitude_spectrum(scan).amplitudes.max() < 0.4


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_other_axes_are_spectra_of_their_own(axis: int) -> None:
    values = np.random.default_rng(1).normal(size=(5, 6, 7)).astype(np.float32)
    found = amplitude_spectrum(values, axis=axis)
    assert found.axis == axis % 3
    expected = np.apply_along_axis(lambda each: amplitude_spectrum(each).amplitudes, axis, values)
    np.testing.assert_allclose(found.amplitudes, expected, atol=1e-12)


@pytest.mark.parametrize("size", [31, 32])
@pytest.mark.parametrize("window", WINDOWS)
def test_powers_add_up_to_the_windowed_mean_square(size: int, window: str) -> None:
    values = np.random.default_rng(2).normal(1, size=size)
    found = amplitude_spectrum(values, window=window, detrend=None)
    weights = signal.get_window(window, size)
    assert found.powers.sum() == pytest.approx(np.sum((values * weights) ** 2) / np.sum(weights**2))


def test_the_caller_keeps_what_it_passed() -> None:
    values = np.arange(10.0) ** 2
    before = values.copy()
    amplitude_spectrum(values)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (np.zeros(3), {}, "a spectrum of 3 values says nothing, expected at least 4"),
        (np.zeros((9, 2)), {}, "a spectrum of 2 values says nothing, expected at least 4"),
        (np.zeros(0), {}, r"the values are \[0\], expected at least 4 along an axis"),
        (np.float64(1), {}, r"the values are \[\], expected at least 4 along an axis"),
        (np.array([1, np.nan, np.inf, 0, 0]), {}, "2 of 5 values are not finite, expected none"),
        (np.zeros(9, dtype=complex), {}, "the values are complex128, expected real numbers"),
        (np.zeros(9), {"axis": 1}, r"axis 1 is not one of values \[9\]"),
        (np.zeros(9), {"spacing": 0.0}, "the spacing is 0.0, expected more than 0"),
        (np.zeros(9), {"window": "hamster"}, "hamster"),
        (np.zeros(9), {"detrend": "square"}, "detrend is 'square', expected 'linear', 'constant' or None"),
    ],
)
def test_what_has_no_spectrum_is_refused(
    values: npt.NDArray[np.floating], options: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        amplitude_spectrum(values, **options)  # type: ignore[arg-type]  # wrong on purpose
