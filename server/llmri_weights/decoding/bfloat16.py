"""Numbers of the upper sixteen bits of a float32."""

import numpy as np
import numpy.typing as npt

from llmri_weights.arrays import Floats, Values

Halves = npt.NDArray[np.uint16]
QUIET = 0x7FC0  # the NaN that is written


def from_bfloat16(stored: Halves) -> Floats:
    """Return what stored numbers are."""
    return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bfloat16(values: Values, *, up: bool = False) -> Halves:
    """Return numbers as they are stored: the nearest, ties to even, or of magnitudes the next one `up`."""
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, np.float32)
    bits = single.view(np.uint32)
    added = np.uint32(0xFFFF) if up else np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    finite = np.isfinite(single)
    rounded = np.where(finite, bits, 0) + np.where(finite, added, 0).astype(np.uint32)
    kept = np.where(finite, rounded, bits) >> np.uint32(16)
    found: Halves = np.where(np.isnan(single), QUIET, kept).astype(np.uint16)
    return found
