"""Mean, rms, absmax and what is not finite, of every 32x32 block of a band of rows.

Compiled by numba where that is installed, which takes seconds the first time on a machine, so that nothing a
person waits for comes through here; numpy does the same otherwise.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from llmri_weights.arrays import Doubles, Floats, Values
from llmri_weights.folding import folded

BLOCK = 32
VERSION = 1  # of what a summary holds; another one is made anew


class BlockSums(NamedTuple):
    """What adds up to the statistics of blocks, each `[row blocks, column blocks]`; only finite values count.

    Attributes:
        total: The sum of the values.
        squares: Of their squares.
        absmax: The largest magnitude.
        nonfinite: How many values are NaN or infinite.
    """

    total: Doubles
    squares: Doubles
    absmax: Doubles
    nonfinite: Doubles


Kernel = Callable[[Floats, Doubles, Doubles, Doubles, Doubles], None]


def block_sums(values: Values) -> BlockSums:
    """Return the sums of the blocks of values `[rows, columns]`; the last ones may be smaller."""
    if values.dtype == np.float32:
        kernel = _compiled()
        if kernel is not None:
            shape = (-(-values.shape[0] // BLOCK), -(-values.shape[1] // BLOCK))
            sums = BlockSums(*(np.zeros(shape) for _ in range(4)))
            kernel(np.ascontiguousarray(values), *sums)
            return sums
    return by_numpy(values)


def by_numpy(values: Values) -> BlockSums:
    """Return what `block_sums` does, by numpy alone."""
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0).astype(np.float64)
    return BlockSums(
        folded(np.add, kept, BLOCK, BLOCK),
        folded(np.add, np.square(kept), BLOCK, BLOCK),
        folded(np.maximum, np.abs(kept), BLOCK, BLOCK),
        folded(np.add, ~finite, BLOCK, BLOCK),
    )


@cache
def _compiled() -> Kernel | None:
    """Compile the kernel, or load what was compiled before; None where numba is missing."""
    try:
        import numba  # noqa: PLC0415  an extra, and slow to import
    except ImportError:
        return None
    kernel: Kernel = numba.njit(nogil=True, cache=True)(_kernel)
    return kernel


def _kernel(values: Floats, total: Doubles, squares: Doubles, absmax: Doubles, nonfinite: Doubles) -> None:
    height, width = values.shape
    sums = np.empty(width, np.float32)
    powers = np.empty(width, np.float32)
    peaks = np.empty(width, np.float32)
    for block_row in range(total.shape[0]):
        top, bottom = block_row * 32, min(height, block_row * 32 + 32)
        sums[:] = 0
        powers[:] = 0
        peaks[:] = 0
        for row in range(top, bottom):
            line = values[row]
            for column in range(width):
                value = line[column]
                sums[column] += value
                powers[column] += value * value
                peaks[column] = max(peaks[column], abs(value))
        for block in range(total.shape[1]):
            left, right = block * 32, min(width, block * 32 + 32)
            whole, power, peak, bad = 0.0, 0.0, 0.0, 0
            for column in range(left, right):
                whole += sums[column]
                power += powers[column]
                peak = max(peak, peaks[column])
            if not np.isfinite(power) or power < 1e-30:  # noqa: PLR2004  numba knows no global of ours
                whole, power, peak = 0.0, 0.0, 0.0
                for row in range(top, bottom):
                    for column in range(left, right):
                        exact = np.float64(values[row, column])
                        if np.isfinite(exact):
                            whole += exact
                            power += exact * exact
                            peak = max(peak, abs(exact))
                        else:
                            bad += 1
            total[block_row, block] = whole
            squares[block_row, block] = power
            absmax[block_row, block] = peak
            nonfinite[block_row, block] = bad
