"""How much of a spectrum's power lies in which band."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_clustering.spectra.spectrum import F64, Spectrum

LEAST_EDGES = 2


def band_powers(spectrum: Spectrum, edges: Sequence[float] | npt.NDArray[np.floating]) -> F64:
    """Return the power in bands of frequency, in mean squares of the values.

    Powers of bands that cover all frequencies add up to the mean square of the windowed values over that of
    the window.

    Args:
        spectrum: The spectrum.
        edges: Where bands begin and end, ascending, in the spectrum's own frequencies, `[bands + 1]`. A band
            holds its lower edge; the last also its upper one.

    Returns:
        The powers, of the shape of the amplitudes with `[bands]` for frequencies.

    Raises:
        ValueError: There are fewer than 2 edges, or they do not ascend, or a band holds no frequency.
    """
    found = np.asarray(edges, dtype=np.float64)
    if found.ndim != 1 or len(found) < LEAST_EDGES:
        raise ValueError(f"the edges are {list(found.shape)}, expected [bands + 1], at least [{LEAST_EDGES}]")
    if not (np.diff(found) > 0).all():
        raise ValueError(f"the edges are {found.tolist()}, expected them to ascend")
    band = np.searchsorted(found, spectrum.frequencies, side="right") - 1
    band[spectrum.frequencies == found[-1]] = len(found) - 2
    counts = [int(np.count_nonzero(band == number)) for number in range(len(found) - 1)]
    if 0 in counts:
        empty = counts.index(0)
        step, highest = spectrum.frequencies[[1, -1]]
        raise ValueError(
            f"no frequency lies from {found[empty]:g} to {found[empty + 1]:g}: "
            f"the spectrum has steps of {step:g} up to {highest:g}"
        )
    powers = np.moveaxis(spectrum.powers, spectrum.axis, -1)
    summed = np.stack([powers[..., band == number].sum(axis=-1) for number in range(len(counts))], axis=-1)
    return np.moveaxis(summed, -1, spectrum.axis)
