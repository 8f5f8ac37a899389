"""Spectra over tokens, window by window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.spectra import Detrend, amplitude_spectrum, band_powers, spectrogram


@settings(deadline=None)
@given(
    tokens=st.integers(64, 300),
    length=st.integers(4, 64),
    step=st.integers(1, 20),
    detrend=st.sampled_from(["linear", "constant", None]),
    window=st.sampled_from(["hann", "boxcar"]),
)
def test_it_is_scipys_spectrogram(
    tokens: int, length: int, step: int, detrend: Detrend | None, window: str
) -> None:
    step = min(step, length)
    series = np.random.default_rng(tokens).normal(3, size=tokens)
    found = spectrogram(series, length=length, step=step, detrend=detrend, window=window)
    frequencies, times, power = signal.spectrogram(
        series, 1.0, window, length, length - step, detrend=detrend or False, scaling="spectrum"
    )
    expected = np.sqrt(2 * power)
    expected[0] /= np.sqrt(2)
    if length % 2 == 0:
        expected[-1] /= np.sqrt(2)
    np.testing.assert_allclose(found.frequencies, frequencies, atol=1e-12)
    np.testing.assert_allclose(found.tokens, times - 0.5)  # scipy names the gap after a window's middle
    np.testing.assert_allclose(found.amplitudes, expected, atol=1e-7)


def test_it_is_scipys_short_time_transform_inside_the_series() -> None:
    series = np.random.default_rng(0).normal(size=200)
    found = spectrogram(series, length=32, step=8, detrend="constant")
    transform = signal.ShortTimeFFT(signal.get_window("hann", 32), 8, fs=1, scale_to="magnitude")
    first, last = transform.lower_border_end[1], transform.upper_border_begin(200)[1]
    expected = 2 * np.abs(transform.stft_detrend(series, "constant", p0=first, p1=last))
    expected[[0, -1]] /= 2
    np.testing.assert_allclose(found.amplitudes[:, : expected.shape[1]], expected, atol=1e-12)


def test_the_average_is_welchs() -> None:
    series = np.random.default_rng(1).normal(size=500)
    frequencies, power = signal.welch(series, nperseg=64, noverlap=32, detrend="linear", scaling="spectrum")
    found = spectrogram(series, length=64, step=32).averaged()
    np.testing.assert_allclose(found.frequencies, frequencies)
    np.testing.assert_allclose(found.amplitudes[1:-1], np.sqrt(2 * power[1:-1]), atol=1e-10)
    assert band_powers(found, [0, 0.5]).shape == (1,)


def test_a_rhythm_is_found_where_it_begins() -> None:
    tokens = np.arange(400)
    series = np.where(tokens < 200, np.sin(2 * np.pi * tokens / 16), 0.5 * np.sin(2 * np.pi * tokens / 4))
    found = spectrogram(series)
    slow, fast = (int(np.argmin(abs(found.frequencies - each))) for each in (1 / 16, 1 / 4))
    before, after = found.tokens < 160, found.tokens > 240
    np.testing.assert_allclose(found.amplitudes[slow, before], 1, atol=0.05)
    np.testing.assert_allclose(found.amplitudes[fast, after], 0.5, atol=0.02)
    assert found.amplitudes[fast, before].max() < 0.01
    assert found.amplitudes[slow, after].max() < 0.01


def test_axes_are_cycles_per_token_and_tokens() -> None:
    found = spectrogram(np.zeros(20), length=8, step=4, spacing=2)
    np.testing.assert_allclose(found.frequencies, np.arange(5) / 16)
    np.testing.assert_allclose(found.tokens, [7, 15, 23, 31])
    assert found.amplitudes.shape == (5, 4)


def test_a_window_as_long_as_the_series_gives_its_spectrum() -> None:
    series = np.random.default_rng(2).normal(size=50)
    np.testing.assert_array_equal(
        spectrogram(series, length=50).amplitudes[:, 0], amplitude_spectrum(series).amplitudes
    )


@pytest.mark.parametrize(
    ("series", "length", "step", "says"),
    [
        (np.zeros(63), 64, None, r"the series is \[63\], expected one window of \[64\] or more"),
        (np.zeros((80, 2)), 64, None, r"the series is \[80, 2\], expected one window"),
        (np.zeros(9), 3, None, "a window of 3 says nothing, expected at least 4"),
        (np.zeros(9), 4, 0, "the step is 0, expected at least 1"),
        (np.r_[np.zeros(9), np.nan], 4, None, "values are not finite"),
    ],
)
def test_what_has_no_spectrogram_is_refused(
    series: np.ndarray[tuple[int, ...], np.dtype[np.float64]], length: int, step: int | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        spectrogram(series, length=length, step=step)
