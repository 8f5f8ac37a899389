"""Samples standardised, so that a scalar product of two units is their correlation."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from llmri_clustering.sources import SampleSource, blocks, source_of

Float = TypeVar("Float", np.float32, np.float64, np.float16)


def standardised(
    samples: npt.NDArray[np.floating] | SampleSource,
    dtype: type[Float] = np.float32,  # type: ignore[assignment]  # mypy #3737
) -> npt.NDArray[Float]:
    """Return each unit with mean 0 and length 1, a unit a row: `[units, samples]`.

    A constant unit becomes zeros, so that its correlation with everything is 0. Samples are read a few
    units at a time.

    Args:
        samples: Activations, `[samples, units]`.
        dtype: Of the result; means and lengths are float64 in any case.

    Raises:
        ValueError: Not two axes, no unit, fewer than two samples, or a value that is not finite.
    """
    source = source_of(samples)
    count, units = source.shape
    _check(count, units)
    rows = np.empty((units, count), dtype=dtype)
    for here, values in blocks(source):
        block = values.T.astype(np.float64)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            unit = here.start + int(np.argmin(finite))
            raise ValueError(f"unit {unit} has a sample that is not finite, expected numbers only")
        block -= block[:, :1].copy()  # makes a constant unit exactly 0, whatever its mean rounds to
        block -= block.mean(axis=1, keepdims=True)
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        np.divide(block, lengths, out=block, where=lengths > 0)
        rows[here] = block
    return rows


def _check(count: int, units: int) -> None:
    if not units:
        raise ValueError("there are 0 units, expected at least 1")
    if count < 2:  # noqa: PLR2004
        raise ValueError(f"there are too few samples for a correlation: {count}, expected at least 2")
