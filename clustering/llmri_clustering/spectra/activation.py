"""One number a token for a unit, a cluster or a layer."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_clustering.spectra.spectrum import F64

DIMENSIONS = 2


def mean_activation(
    values: npt.NDArray[np.floating],
    units: Sequence[int] | npt.NDArray[np.integer] | npt.NDArray[np.bool_] | None = None,
    *,
    magnitude: bool = False,
) -> F64:
    """Return the mean activation of some units at each token, `[tokens]`, to take a spectrum of.

    Args:
        values: Activations, `[tokens, units]`.
        units: Which: one for a unit, its members for a cluster, a mask for a layer; None for all.
        magnitude: Whether to average magnitudes, where units of both signs would cancel.

    Raises:
        ValueError: The values have another shape, or no unit is chosen, or one that does not exist.
    """
    if values.ndim != DIMENSIONS:
        raise ValueError(f"the values are {list(values.shape)}, expected [tokens, units]")
    try:
        chosen = values if units is None else values[:, np.asarray(units)]
    except IndexError as error:
        raise ValueError(f"no such units among {values.shape[1]}: {error}") from None
    if not chosen.shape[1]:
        raise ValueError("no unit is chosen, expected at least 1")
    mean: F64 = (np.abs(chosen) if magnitude else chosen).mean(axis=1, dtype=np.float64)
    return mean
