"""Sums over pairs of units, compensated, in the two triangles of one float32 square."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.fft import dct  # type: ignore[import-untyped]  # it brings no types
from scipy.linalg.blas import ssyrk  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.correlation.state import Kept, State, array, number

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

MOST_ROWS = 129  # in one product: rounding grows with their root, and is 1e-6 of the sum with twice as many
SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], (MOST_ROWS, 1))
TILE = 128  # its float64 temporaries stay in a core's cache
FOLD_AFTER = 16  # updates: rounding grows with the root of it, and the cost of folding falls with it
LEAST_FADE = 2.0**-16  # sums that weigh less than this are folded, so that rescaling them cannot overflow


class PairSums:
    """Running sums of products of every two different units, in 4 units^2 bytes.

    The lower triangle gathers what came lately, by BLAS `ssyrk` in place. After every sixteenth update it is
    folded into the upper one, in float64 tile by tile, and what rounding left over stays below: compensated
    summation (Kahan 1965) of whole matrices. So only the rounding of the last updates is felt beside the
    total, and the relative error falls, not grows, with the number of samples. The diagonal is not kept up.
    """

    def __init__(self, units: int) -> None:
        self._square: F32 = np.zeros((units, units), dtype=np.float32, order="F")
        self._fade = 1.0  # what the upper triangle is still to be multiplied with
        self._updates = 0  # since the last fold

    def add_products(self, rows: F64, keep: float = 1.0) -> None:
        """Add each row's products to `keep` times the sums.

        Args:
            rows: Values, `[rows, units]`, of at most `MOST_ROWS` rows.
            keep: What remains of the sums so far, from 0 to 1.
        """
        mixed = _mix(rows).astype(np.float32)
        # Transposed, the rows are in Fortran order, as BLAS has it: nothing is copied.
        self._square = ssyrk(1.0, mixed.T, beta=keep, c=self._square, trans=0, lower=1, overwrite_c=1)
        self._fade *= keep
        self._updates += 1
        if self._updates == FOLD_AFTER or self._fade < LEAST_FADE:
            self._fold()

    def shift(self, unit: int, exponent: int) -> None:
        """Multiply every sum that this unit has a part in by two to the power of `exponent`."""
        self._square[unit] = np.ldexp(self._square[unit], exponent)
        self._square[:, unit] = np.ldexp(self._square[:, unit], exponent)

    def absorb(self, other: "PairSums", mine: F64, theirs: F64, row: F64) -> None:
        """Add another's sums, with each unit's sums multiplied first, and the products of one row.

        Args:
            other: The sums to add; they stay as they are.
            mine: Factor of each unit here, `[units]`.
            theirs: Factor of each unit there, `[units]`.
            row: The row, `[units]`.
        """
        for rows, columns, sums in self.tiles():
            here = sums * np.outer(mine[rows], mine[columns])
            there = other._tile(rows, columns) * np.outer(theirs[rows], theirs[columns])
            self._keep(rows, columns, here + there + np.outer(row[rows], row[columns]))
        self._folded()

    def tiles(self) -> Iterator[tuple[slice, slice, F64]]:
        """Yield the sums tile by tile over the upper triangle: rows, columns, and their sums there.

        In a tile on the diagonal only what is above it means anything.
        """
        units = len(self._square)
        for first in range(0, units, TILE):
            rows = slice(first, min(first + TILE, units))
            for second in range(first, units, TILE):
                columns = slice(second, min(second + TILE, units))
                yield rows, columns, self._tile(rows, columns)

    def state(self) -> State:
        """Return everything, as arrays of its own."""
        return {
            "square": np.array(self._square.T, order="C"),
            "fade": np.array(self._fade),
            "updates": np.array(self._updates),
        }

    @classmethod
    def from_state(cls, state: Kept, units: int) -> "PairSums":
        """Go on from a state.

        Raises:
            ValueError: The state is not one of this many units.
        """
        sums = cls(0)
        sums._square = np.array(array(state, "square", np.float32, (units, units)).T, order="F")
        sums._fade = number(state, "fade", float, (LEAST_FADE, 1))
        sums._updates = number(state, "updates", int, (0, FOLD_AFTER - 1))
        return sums

    def _fold(self) -> None:
        for rows, columns, sums in self.tiles():
            self._keep(rows, columns, sums)
        self._folded()

    def _folded(self) -> None:
        self._fade = 1.0
        self._updates = 0

    def _tile(self, rows: slice, columns: slice) -> F64:
        total, lately = self._square[rows, columns], self._square[columns, rows].T
        sums = np.multiply(total, self._fade, dtype=np.float64)
        sums += lately
        return sums

    def _keep(self, rows: slice, columns: slice, sums: F64) -> None:
        total = sums.astype(np.float32)
        rest = (sums - total).astype(np.float32)
        if rows == columns:  # both triangles stand in this tile
            total, rest = np.triu(total, 1), np.tril(rest.T, -1)
            self._square[rows, columns] = total + rest
        else:
            self._square[rows, columns] = total
            self._square[columns, rows] = rest.T


def _mix(rows: F64) -> F64:
    """Turn rows by an orthogonal matrix, which changes no sum of products.

    It is a randomized trigonometric transform (Ailon and Chazelle 2006). It makes equal addends unequal: of a
    unit with two values, all products round the same way, and the error of their sum is several times larger.
    """
    mixed: F64 = dct(rows * SIGNS[: len(rows)], axis=0, norm="ortho", overwrite_x=True)
    return mixed
