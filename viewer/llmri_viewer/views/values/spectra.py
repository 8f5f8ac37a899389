"""The spectra that are shown: of a signal as a whole, and window after window."""

import importlib
import threading
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_clustering.spectra import Spectrum, amplitude_spectrum, band_powers
from llmri_viewer.model.history.store import Rows
from llmri_viewer.views.values.signals import Signal

FEWEST = 8  # steps of a signal, for a spectrum to say something
FEWEST_MOVING = 16  # for windows to move over it
WINDOW_MOST, WINDOWS_MOST = 64, 256
MOVING_VALUES = 262144
OCTAVES = 6
ROUNDING = 1e-6  # of the largest value: what float32 cannot tell apart
F64 = npt.NDArray[np.float64]


def prepare() -> threading.Thread:
    """Load beside other work what scipy loads at the first spectrum only: half a second without a frame."""
    loading = threading.Thread(
        target=importlib.import_module, args=("scipy.signal",), name="llmri spectra", daemon=True
    )
    loading.start()
    return loading


@dataclass(frozen=True, eq=False)
class Curve:
    """An amplitude spectrum without its mean.

    Attributes:
        frequencies: In cycles per step, ascending, from the first above 0, `[frequencies]`.
        amplitudes: Root mean square of the series' amplitudes, `[frequencies]`.
        flat: Amplitude that the same values in random order have on average (root mean square): what is
            above comes from their order.
        edges: Of octaves of frequency, ascending, `[bands + 1]`; the first holds all that is slower.
        shares: Of the power in each band, `[bands]`.
    """

    frequencies: F64
    amplitudes: F64
    flat: float
    edges: F64
    shares: F64


@dataclass(frozen=True, eq=False)
class Moving:
    """Amplitudes of windows that move along a signal.

    Attributes:
        middles: The token in the middle of each window, `[windows]`.
        frequencies: In cycles per step, from the first above 0, `[frequencies]`.
        amplitudes: Root mean square of the series' amplitudes, `[frequencies, windows]`.
        length: Steps of a window.
        series: How many there are.
    """

    middles: F64
    frequencies: F64
    amplitudes: F64
    length: int
    series: int


@lru_cache(maxsize=4)
def curve(signal: Signal) -> Curve | None:
    """Return the spectrum of a signal without its mean and slope; None if short, not finite, or constant."""
    if len(signal.places) < FEWEST or not np.isfinite(signal.values).all():
        return None
    level = levelled(signal.values)
    if constant(signal, level):
        return None
    spectrum = averaged(amplitude_spectrum(level, axis=0, spacing=step_of(signal), detrend=None))
    spread = float(np.sqrt(np.mean(level**2)))
    edges = octaves(float(spectrum.frequencies[1]), 0.5 / step_of(signal))
    powers = band_powers(spectrum, edges)
    return Curve(
        frequencies=spectrum.frequencies[1:],
        amplitudes=spectrum.amplitudes[1:],
        flat=2 * spread * float(np.sqrt(spectrum.noise_bandwidth / spectrum.size)),
        edges=edges,
        shares=powers / max(float(powers.sum()), 1e-30),
    )


@lru_cache(maxsize=4)
def moving(signal: Signal) -> Moving | None:
    """Return the spectra of windows along a signal, each window's own mean and slope taken out.

    None where the signal is too short, not finite, or constant.
    """
    steps = len(signal.places)
    if steps < FEWEST_MOVING or not np.isfinite(signal.values).all():
        return None
    if constant(signal, levelled(signal.values)):
        return None
    length = min(WINDOW_MOST, 1 << int(np.log2(steps // 2)))
    stride = -(-(steps - length + 1) // WINDOWS_MOST)
    windows = np.lib.stride_tricks.sliding_window_view(signal.values, length, axis=0)[::stride]
    most = max(1, MOVING_VALUES // (length * len(windows)))
    thinned = windows[:, :: -(-windows.shape[1] // most)]
    level = levelled(np.moveaxis(thinned, 2, 0))
    spectrum = amplitude_spectrum(level, axis=0, spacing=step_of(signal), detrend=None)
    starts = signal.places[::stride][: len(windows)]
    return Moving(
        middles=np.asarray(starts + (length - 1) / 2 * step_of(signal), np.float64),
        frequencies=spectrum.frequencies[1:],
        amplitudes=np.sqrt(np.mean(spectrum.amplitudes[1:] ** 2, axis=2)),
        length=length,
        series=thinned.shape[1],
    )


def levelled(values: Rows) -> F64:
    """Take the best line out of each series along axis 0.

    In closed form: least squares for a thousand series take a fiftieth of a second.
    """
    level = values - values.mean(axis=0, dtype=np.float64)
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    slopes = np.tensordot(steps, level, axes=1) / (steps @ steps)
    return np.asarray(level - np.multiply.outer(steps, slopes), np.float64)


def constant(signal: Signal, level: F64) -> bool:
    """Tell whether a signal, levelled, is nothing but rounding: an ablated unit's, for one."""
    return bool(np.abs(level).max() <= ROUNDING * np.abs(signal.values).max())


def averaged(spectrum: Spectrum) -> Spectrum:
    """Return one spectrum of those of several series, `[frequencies, series]`: their root mean square."""
    return replace(spectrum, amplitudes=np.sqrt(np.mean(spectrum.amplitudes**2, axis=1)))


def octaves(lowest: float, highest: float) -> F64:
    """Return the edges of octaves down from the highest frequency; the lowest band takes what remains."""
    inner = [highest / 2**octave for octave in range(1, OCTAVES) if highest / 2**octave > 2 * lowest]
    return np.asarray([lowest, *reversed(inner), highest])


def step_of(signal: Signal) -> float:
    """Return the units or tokens from one number to the next."""
    return float(signal.places[1] - signal.places[0]) if signal.along == "token" else 1.0
