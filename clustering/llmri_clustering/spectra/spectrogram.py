"""How a spectrum over tokens changes as a text goes on."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from llmri_clustering.spectra.spectrum import F64, LEAST, Detrend, Spectrum, amplitude_spectrum

LENGTH = 64  # tokens: a sentence or three


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """Amplitude spectra of windows that move over a series.

    Attributes:
        tokens: The middle of each window, in tokens from the first one, `[windows]`.
        spectrum: The spectra, frequencies along axis 0 and windows along axis 1.
    """

    tokens: F64
    spectrum: Spectrum

    @property
    def frequencies(self) -> F64:
        """Return the frequencies, in cycles per token, `[frequencies]`."""
        return self.spectrum.frequencies

    @property
    def amplitudes(self) -> F64:
        """Return the amplitudes, `[frequencies, windows]`."""
        return self.spectrum.amplitudes

    def averaged(self) -> Spectrum:
        """Return one spectrum: the root mean square over the windows, which steadies noise (Welch 1967)."""
        amplitudes = np.sqrt(np.mean(self.amplitudes**2, axis=1))
        return replace(self.spectrum, amplitudes=amplitudes)


def spectrogram(
    series: npt.NDArray[np.floating],
    *,
    length: int = LENGTH,
    step: int | None = None,
    spacing: float = 1.0,
    window: str = "hann",
    detrend: Detrend | None = "linear",
) -> Spectrogram:
    """Return the amplitude spectra of a series over tokens, window by window.

    Every window lies inside the series: nothing is padded. Each is detrended on its own.

    Args:
        series: One number a token, `[tokens]`.
        length: Of a window, in numbers of the series.
        step: From one window to the next; by default a quarter of the length.
        spacing: Tokens from one number to the next.
        window: As for `amplitude_spectrum`.
        detrend: As for `amplitude_spectrum`.

    Raises:
        ValueError: The series is shorter than a window, or a window shorter than 4, or the step is below 1.
    """
    found = np.asarray(series)
    if found.ndim != 1 or len(found) < length:
        raise ValueError(f"the series is {list(found.shape)}, expected one window of [{length}] or more")
    if length < LEAST:
        raise ValueError(f"a window of {length} says nothing, expected at least {LEAST}")
    stride = max(1, length // 4) if step is None else step
    if stride < 1:
        raise ValueError(f"the step is {stride}, expected at least 1")
    windows = np.lib.stride_tricks.sliding_window_view(found, length)[::stride]
    starts = stride * np.arange(len(windows), dtype=np.float64)
    return Spectrogram(
        tokens=(starts + (length - 1) / 2) * spacing,
        spectrum=amplitude_spectrum(windows.T, axis=0, spacing=spacing, window=window, detrend=detrend),
    )
