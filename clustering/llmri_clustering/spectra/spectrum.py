"""Amplitude spectra along one axis: over units as they are laid out, or over tokens."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import scipy  # type: ignore[import-untyped]  # it brings no types

Detrend = Literal["linear", "constant"]
F64 = npt.NDArray[np.float64]

LEAST = 4  # values: with fewer, a line and a window leave nothing to see


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A one-sided amplitude spectrum.

    Attributes:
        frequencies: In cycles per unit or per token, whichever the values are spaced by, `[frequencies]`.
        amplitudes: Amplitude of the sine at each frequency, of the shape of the values with frequencies along
            `axis`. At frequency 0 it is the magnitude of the mean.
        axis: The axis of frequencies, from 0.
        size: How many values each spectrum was made of.
        noise_bandwidth: Of the window, in steps of frequency (Harris 1978, equation 11): 1.5 for Hann. Noise
            and the flanks of a peak count so many times in a sum of squares.
    """

    frequencies: F64
    amplitudes: F64
    axis: int
    size: int
    noise_bandwidth: float

    @property
    def powers(self) -> F64:
        """Return the mean square at each frequency, of the shape of `amplitudes`.

        They add up to the mean square of the windowed values over that of the window (Parseval).
        """
        of_sine = np.full(len(self.frequencies), 0.5)
        of_sine[0] = 1
        if self.size % 2 == 0:
            of_sine[-1] = 1  # at half a cycle a step there is no sine, only alternation
        powers: F64 = self.amplitudes**2 / self.noise_bandwidth
        return powers * along(of_sine, self.axis, powers.ndim)


def amplitude_spectrum(
    values: npt.NDArray[np.floating],
    *,
    axis: int = -1,
    spacing: float = 1.0,
    window: str = "hann",
    detrend: Detrend | None = "linear",
) -> Spectrum:
    """Return the one-sided amplitude spectrum along an axis.

    A sine of amplitude A has a peak of A: the window's coherent gain is divided out (Harris 1978, "On the use
    of windows for harmonic analysis with the discrete Fourier transform"). Between two frequencies of the
    spectrum the peak is lower, by up to 15 % with a Hann window and 36 % with none (`boxcar`).

    Over units, pass the values in the order in which they are laid out, such as `values[order]`.

    Args:
        values: Numbers at equal distances along `axis`; other axes are spectra of their own.
        axis: The axis.
        spacing: That distance, in units or tokens.
        window: Any that `scipy.signal.get_window` knows; periodic.
        detrend: What is subtracted first: the best line, the mean, or nothing.

    Raises:
        ValueError: There are fewer than 4 values along the axis, or they are not finite, or an option is
            unknown.
    """
    checked = finite(values)
    if not -checked.ndim <= axis < checked.ndim:
        raise ValueError(f"axis {axis} is not one of values {list(checked.shape)}")
    axis %= checked.ndim
    size = checked.shape[axis]
    if size < LEAST:
        raise ValueError(f"a spectrum of {size} values says nothing, expected at least {LEAST}")
    if not 0 < spacing < np.inf:
        raise ValueError(f"the spacing is {spacing}, expected more than 0")
    check_detrend(detrend)
    weights = window_of(window, size)
    level = checked if detrend is None else scipy.signal.detrend(checked, axis=axis, type=detrend)
    transformed = scipy.fft.rfft(level * along(weights, axis, checked.ndim), axis=axis)
    gain = np.full(transformed.shape[axis], 2 / weights.sum())
    gain[0] /= 2
    if size % 2 == 0:
        gain[-1] /= 2
    return Spectrum(
        frequencies=scipy.fft.rfftfreq(size, spacing),
        amplitudes=np.abs(transformed) * along(gain, axis, checked.ndim),
        axis=axis,
        size=size,
        noise_bandwidth=float(size * np.sum(weights**2) / weights.sum() ** 2),
    )


def finite(values: npt.NDArray[np.floating]) -> F64:
    """Return values in float64.

    Raises:
        ValueError: There is none, or some are not finite.
    """
    checked = np.asarray(values)
    if checked.dtype.kind not in "fiub":
        raise ValueError(f"the values are {checked.dtype}, expected real numbers")
    if not checked.size or not checked.ndim:
        raise ValueError(f"the values are {list(checked.shape)}, expected at least {LEAST} along an axis")
    wrong = np.count_nonzero(~np.isfinite(checked))
    if wrong:
        raise ValueError(f"{wrong} of {checked.size} values are not finite, expected none")
    return checked.astype(np.float64)


def check_detrend(detrend: object) -> None:
    """Raise `ValueError` for anything that cannot be subtracted."""
    if detrend is not None and detrend not in get_args(Detrend):
        raise ValueError(f"detrend is {detrend!r}, expected 'linear', 'constant' or None")


def window_of(name: str, size: int) -> F64:
    """Return a periodic window, `[size]`.

    Raises:
        ValueError: scipy knows none of that name.
    """
    weights: F64 = scipy.signal.get_window(name, size)
    return weights


def along(weights: F64, axis: int, dimensions: int) -> F64:
    """Shape weights so that they stand along one axis of an array with so many dimensions."""
    return weights.reshape([-1 if each == axis else 1 for each in range(dimensions)])
