"""Units with mean 0 and length 1, whose inner products are their correlations."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.linkage import standardised_rows
from llmri_clustering.sources import SampleSource, source_of

LARGE = 2**27  # values, of which no second array is made


def standardised(samples: npt.ArrayLike | SampleSource) -> npt.NDArray[np.floating]:
    """Return each unit with mean 0 and length 1 over the samples, `[units, samples]`; 0 where it is constant.

    Args:
        samples: Activations, `[samples, units]`, as an array or as what is read a few units at a time.

    Raises:
        ValueError: They have another number of axes, or are not all finite.
    """
    if isinstance(samples, SampleSource):
        return standardised_rows(samples)
    if isinstance(samples, np.ndarray) and samples.ndim == 2 and samples.size > LARGE:  # noqa: PLR2004
        return standardised_rows(source_of(samples))
    values = np.asarray(samples, dtype=np.float32)
    if values.ndim != 2:  # noqa: PLR2004  # samples and units
        raise ValueError(f"samples have {values.ndim} axes, expected 2: [samples, units]")
    if not values.size:
        return np.array(values.T)
    low, high = values.min(axis=0), values.max(axis=0)
    if not np.isfinite([low, high]).all():
        wrong = int(values.size - np.isfinite(values).sum())
        raise ValueError(f"{wrong} of {values.size} sampled values are not finite, expected 0")
    mean = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    constant = low == high
    extent = np.where(constant, 1, np.maximum(high - mean, mean - low))
    centred = values - mean
    centred /= extent  # squares stay inside float32
    length = np.sqrt(np.einsum("su,su->u", centred, centred))
    centred /= np.where(constant, 1, length)
    centred[:, constant] = 0
    units: npt.NDArray[np.float32] = centred.T
    return units
