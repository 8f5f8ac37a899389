"""Correlation distances in scipy's condensed form, without a square matrix on the way.

Condensed are the rows of the upper triangle, one after the other: units 0 and 1, 0 and 2, ... to the last
two. A block of rows is made at a time, and each row written to where it belongs.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Distance

ROWS = 256  # of correlations at a time, at most: few products, for a busy machine makes each wait
ELEMENTS = 2**21  # of correlations at a time, at most: 8 MB in float32
SLACK = 1e-3  # by how much a given correlation may exceed 1

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Block = Callable[[int, int], Floats]  # correlations of rows first..end with columns from `first` on


def distances_of_units(
    rows: Floats, distance: Distance, *, euclidean: bool = False
) -> npt.NDArray[np.float64]:
    """Return the distances between standardised units, `[units * (units - 1) / 2]`.

    Args:
        rows: Units of mean 0 and length 1, or of zeros, `[units, samples]`.
        distance: Which distance.
        euclidean: Give the Euclidean distance that belongs to it, as `euclidean_of` has it. Its root raises
            float32's rounding to 5e-4 near 0, so give rows in float64.

    Raises:
        ValueError: No unit, or an unknown distance.
    """
    units = len(rows)
    memories = cycle([np.empty(_rows_of(units) * units, rows.dtype) for _ in range(2)])

    def block(first: int, end: int) -> Floats:
        shape = (end - first, units - first)
        out = next(memories)[: shape[0] * shape[1]].reshape(shape)
        product: Floats = np.matmul(rows[first:end], rows[first:].T, out=out)
        return product

    return _condensed(units, block, distance, euclidean)


def distances_of_correlation(
    correlation: npt.NDArray[np.floating], distance: Distance, *, euclidean: bool = False
) -> npt.NDArray[np.float64]:
    """Return the distances between units from their correlations, `[units * (units - 1) / 2]`.

    Args:
        correlation: Correlations, `[units, units]`; only the upper triangle is read.
        distance: Which distance.
        euclidean: Give the Euclidean distance that belongs to it, as `euclidean_of` has it.

    Raises:
        ValueError: Not square, no unit, or a correlation that is no number from -1 to 1.
    """
    if correlation.shape != (len(correlation),) * 2:
        raise ValueError(f"a correlation of shape {correlation.shape} is not square, expected [units, units]")
    single = correlation.dtype == np.float32 and not euclidean

    def block(first: int, end: int) -> Floats:
        values = correlation[first:end, first:]
        most = max(values.max(), -values.min())
        if not most <= 1 + SLACK:
            raise ValueError(f"a correlation is {most} in magnitude, expected numbers from -1 to 1")
        return values.astype(np.float32) if single else values.astype(np.float64)

    return _condensed(len(correlation), block, distance, euclidean)


def euclidean_of(distances: Floats, distance: Distance) -> None:
    """Turn correlation distances into the Euclidean distances that rise with them, in place.

    For standardised units of length 1, `1 - r` is half the squared distance between them. The sign of a
    unit does not count in `1 - |r|`: what is left of a unit x is its projection x xᵀ, and the squared
    distance between two projections is 2 (1 - r²).
    """
    if distance == "1 - |r|":
        distances *= 2 - distances
    distances *= 2
    np.sqrt(distances, out=distances)


def _condensed(units: int, block: Block, distance: Distance, euclidean: bool) -> npt.NDArray[np.float64]:
    if not units:
        raise ValueError("there are 0 units, expected at least 1")
    condensed = np.empty(units * (units - 1) // 2, dtype=np.float64)

    def write(values: Floats, at: int) -> None:
        for row, line in enumerate(values, start=1):
            beyond = line[row:]  # a row stays in the cache
            _distances_from(beyond, distance)
            if euclidean:
                euclidean_of(beyond, distance)
            condensed[at : at + len(beyond)] = beyond
            at += len(beyond)

    _alternate(units, block, write)
    return condensed


def _alternate(units: int, block: Block, write: Callable[[Floats, int], None]) -> None:
    """Make block after block, while another thread writes the one before to where it belongs.

    Much of the writing is the system's, which first has to find so much memory.
    """
    at, rows = 0, _rows_of(units)
    with ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        for first in range(0, units, rows):
            end = min(first + rows, units)
            values = block(first, end)
            if written is not None:
                written.result()
            written = writer.submit(write, values, at)
            at += sum(range(units - end, units - first))
        if written is not None:
            written.result()


def _rows_of(units: int) -> int:
    """Return how many rows of correlations to make at a time."""
    return max(1, min(ROWS, ELEMENTS // max(1, units)))


def _distances_from(correlations: Floats, distance: Distance) -> None:
    """Turn correlations into distances in place; rounding below 0 becomes 0."""
    if distance == "1 - |r|":
        np.abs(correlations, out=correlations)
    elif distance != "1 - r":
        raise ValueError(f"there is no distance {distance!r}, expected '1 - r' or '1 - |r|'")
    np.subtract(1, correlations, out=correlations)
    np.maximum(correlations, 0, out=correlations)
