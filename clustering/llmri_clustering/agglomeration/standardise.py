"""Samples standardised, so that a scalar product of two units is their correlation."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", np.float32, np.float64)

UNITS_AT_A_TIME = 256  # in float64 beside 512 samples a megabyte, which stays in the cache


def standardised(
    samples: npt.NDArray[np.floating],
    dtype: type[Float] = np.float32,  # type: ignore[assignment]  # mypy #3737
) -> npt.NDArray[Float]:
    """Return each unit with mean 0 and length 1, a unit a row: `[units, samples]`.

    A constant unit becomes zeros, so that its correlation with everything is 0.

    Args:
        samples: Activations, `[samples, units]`.
        dtype: Of the result; means and lengths are float64 in any case.

    Raises:
        ValueError: Not two axes, no unit, fewer than two samples, or a value that is not finite.
    """
    _check(samples)
    count, units = samples.shape
    rows = np.empty((units, count), dtype=dtype)
    for first in range(0, units, UNITS_AT_A_TIME):
        block = samples[:, first : first + UNITS_AT_A_TIME].T.astype(np.float64)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            unit = first + int(np.argmin(finite))
            raise ValueError(f"unit {unit} has a sample that is not finite, expected numbers only")
        block -= block[:, :1].copy()  # makes a constant unit exactly 0, whatever its mean rounds to
        block -= block.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        np.divide(block, lengths, out=block, where=lengths > 0)
        rows[first : first + UNITS_AT_A_TIME] = block
    return rows


def _check(samples: npt.NDArray[np.floating]) -> None:
    if samples.ndim != 2:  # noqa: PLR2004
        raise ValueError(f"samples have {samples.ndim} axes, expected 2: [samples, units]")
    if not samples.shape[1]:
        raise ValueError("there are 0 units, expected at least 1")
    if len(samples) < 2:  # noqa: PLR2004
        raise ValueError(f"there are too few samples for a correlation: {len(samples)}, expected at least 2")
