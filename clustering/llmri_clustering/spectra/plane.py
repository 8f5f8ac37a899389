"""Amplitude spectra of units that are laid out as an image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.spectra.spectrum import F64, LEAST, Detrend, check_detrend, finite, window_of

DIMENSIONS = 2


@dataclass(frozen=True, eq=False)
class PlaneSpectrum:
    """A two-sided amplitude spectrum of an image, with frequency 0 in the middle.

    Attributes:
        down: Frequencies from row to row, in cycles per unit, ascending, `[rows]`.
        across: Frequencies from column to column, in cycles per unit, ascending, `[columns]`.
        amplitudes: Amplitude of the plane wave at each pair of frequencies, `[rows, columns]`. A wave stands
            there twice, at opposite frequencies; frequency 0 holds the magnitude of the mean.
    """

    down: F64
    across: F64
    amplitudes: F64


def amplitude_spectrum_2d(
    image: npt.NDArray[np.floating], *, window: str = "hann", detrend: Detrend | None = "linear"
) -> PlaneSpectrum:
    """Return the amplitude spectrum of an image, one unit a pixel.

    A plane wave of amplitude A has peaks of A, as in `amplitude_spectrum`. The window is the product of one
    window down and one across.

    Args:
        image: Values, `[rows, columns]`, such as `laid_out` gives.
        window: Any that `scipy.signal.get_window` knows; periodic.
        detrend: What is subtracted first: the best plane, the mean, or nothing.

    Raises:
        ValueError: The image is smaller than 4 x 4, or not finite, or an option is unknown.
    """
    checked = finite(image)
    if checked.ndim != DIMENSIONS or min(checked.shape) < LEAST:
        raise ValueError(
            f"the image is {list(checked.shape)}, expected [rows, columns] of at least {LEAST} each"
        )
    check_detrend(detrend)
    rows, columns = checked.shape
    weights = np.outer(window_of(window, rows), window_of(window, columns))
    transformed = scipy.fft.fft2(_level(checked, detrend) * weights)
    amplitudes = 2 * np.abs(transformed) / weights.sum()
    # Waves that are their own opposite have all their amplitude at one place.
    amplitudes[np.ix_(_own_opposites(rows), _own_opposites(columns))] /= 2
    return PlaneSpectrum(
        down=scipy.fft.fftshift(scipy.fft.fftfreq(rows)),
        across=scipy.fft.fftshift(scipy.fft.fftfreq(columns)),
        amplitudes=scipy.fft.fftshift(amplitudes),
    )


def laid_out(values: npt.NDArray[np.floating], cells: npt.NDArray[np.integer], shape: tuple[int, int]) -> F64:
    """Return the image of units in their cells; cells without a unit hold the mean, which adds no structure.

    Args:
        values: One a unit, `[units]`.
        cells: Row and column of each unit, `[units, 2]`.
        shape: Rows and columns of the image.

    Raises:
        ValueError: There is not one cell a unit, or one is outside the image.
    """
    if values.ndim != 1 or cells.shape != (len(values), DIMENSIONS):
        raise ValueError(
            f"there are cells {list(cells.shape)} for values {list(values.shape)}, "
            "expected [units, 2] and [units]"
        )
    outside = np.flatnonzero(((cells < 0) | (cells >= np.array(shape))).any(axis=1))
    if len(outside):
        cell = cells[outside[0]].tolist()
        raise ValueError(f"unit {outside[0]} stands in cell {cell}, outside an image of {list(shape)}")
    image = np.full(shape, values.mean(dtype=np.float64) if len(values) else 0.0)
    image[cells[:, 0], cells[:, 1]] = values
    return image


def _level(image: F64, detrend: Detrend | None) -> F64:
    """Subtract the mean, and for `linear` the least-squares plane: its slopes are independent on a grid."""
    if detrend is None:
        return image
    level: F64 = image - image.mean()
    if detrend == "constant":
        return level
    down, across = (np.arange(size) - (size - 1) / 2 for size in image.shape)
    level -= (down @ level).sum() / (down @ down * len(across)) * down[:, None]
    level -= (level @ across).sum() / (across @ across * len(down)) * across
    return level


def _own_opposites(size: int) -> list[int]:
    return [0, size // 2] if size % 2 == 0 else [0]
