"""The sums of blocks, compiled by numba; importing this needs numba, calling it compiles once a machine."""

import numba
import numpy as np

from llmri_weights.arrays import Doubles, Floats, Values

jit = numba.njit(nogil=True, cache=True)


@jit
def _of_floats(line: Floats, _scratch: Values) -> Floats:
    return line


@jit
def _of_bfloat16(line: Values, scratch: Values) -> Floats:
    for column in range(line.size):
        scratch[column] = np.uint32(line[column]) << np.uint32(16)
    return scratch.view(np.float32)


@jit
def _add_line(line: Floats, sums: Floats, powers: Floats, peaks: Floats) -> None:
    for column in range(line.size):
        value = line[column]
        sums[column] += value
        powers[column] += value * value
        peaks[column] = max(peaks[column], abs(value))


@jit
def _add_exactly(line: Floats, left: int, right: int, found: Doubles) -> None:
    """Add part of a line to a sum, a sum of squares, a peak and a count of what is not finite."""
    for column in range(left, right):
        exact = np.float64(line[column])
        if np.isfinite(exact):
            found[0] += exact
            found[1] += exact * exact
            found[2] = max(found[2], abs(exact))
        else:
            found[3] += 1


@jit
def _fold(side: int, sums: Floats, powers: Floats, peaks: Floats, out: Doubles) -> None:
    """Fold the sums of columns into those of blocks, `[4, blocks]`."""
    for block in range(out.shape[1]):
        whole, power, peak = 0.0, 0.0, 0.0
        for column in range(block * side, min(sums.size, (block + 1) * side)):
            whole += sums[column]
            power += powers[column]
            peak = max(peak, peaks[column])
        out[0, block], out[1, block], out[2, block] = whole, power, peak


@jit
def float_sums(values: Floats, side: int, out: Doubles) -> None:
    """Write the sums of blocks of float32 values to `out`, `[4, row blocks, column blocks]`."""
    height, width = values.shape
    sums, powers, peaks = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    scratch = np.empty(0, np.uint32)
    for row_block in range(out.shape[1]):
        sums[:], powers[:], peaks[:] = 0, 0, 0
        top, bottom = row_block * side, min(height, (row_block + 1) * side)
        for row in range(top, bottom):
            _add_line(_of_floats(values[row], scratch), sums, powers, peaks)
        _fold(side, sums, powers, peaks, out[:, row_block])
        for block in range(out.shape[2]):
            power, peak = out[1, row_block, block], out[2, row_block, block]
            if not np.isfinite(power) or (power < 1e-30 and peak > 0):  # noqa: PLR2004  float32 can't hold squares
                out[:, row_block, block] = 0
                for row in range(top, bottom):
                    right = min(width, (block + 1) * side)
                    _add_exactly(
                        _of_floats(values[row], scratch), block * side, right, out[:, row_block, block]
                    )


@jit
def bfloat16_sums(values: Values, side: int, out: Doubles) -> None:
    """Write the sums of blocks of bfloat16 patterns to `out`, as `float_sums` does of float32."""
    height, width = values.shape
    sums, powers, peaks = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    scratch = np.empty(width, np.uint32)
    for row_block in range(out.shape[1]):
        sums[:], powers[:], peaks[:] = 0, 0, 0
        top, bottom = row_block * side, min(height, (row_block + 1) * side)
        for row in range(top, bottom):
            _add_line(_of_bfloat16(values[row], scratch), sums, powers, peaks)
        _fold(side, sums, powers, peaks, out[:, row_block])
        for block in range(out.shape[2]):
            power, peak = out[1, row_block, block], out[2, row_block, block]
            if not np.isfinite(power) or (power < 1e-30 and peak > 0):  # noqa: PLR2004  float32 can't hold squares
                out[:, row_block, block] = 0
                for row in range(top, bottom):
                    right = min(width, (block + 1) * side)
                    _add_exactly(
                        _of_bfloat16(values[row], scratch), block * side, right, out[:, row_block, block]
                    )
