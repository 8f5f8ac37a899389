"""The size of a tensor's values, in one pass over it."""

import math
from dataclasses import dataclass

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.matrices import Matrix, bands

PIECE = 1 << 16  # elements widened to float64 at once, so that they stay in the cache


@dataclass(frozen=True)
class Statistics:
    """What a tensor's values are like; those that are NaN or infinite are counted, and left out of the rest.

    Attributes:
        mean: Of the finite values; None where there is none, as for the next two.
        rms: The root of the mean square.
        absmax: The largest magnitude.
        zeros: The share of all values that are zero.
        nonfinite: How many are NaN or infinite.
    """

    mean: float | None
    rms: float | None
    absmax: float | None
    zeros: float
    nonfinite: int


class Sums:
    """What adds up to a tensor's statistics."""

    def __init__(self) -> None:
        self.count = self.zeros = self.nonfinite = 0
        self.total = self.squares = self.absmax = 0.0

    def add(self, values: Values) -> None:
        """Take in more values."""
        flat = values.reshape(-1)
        for begin in range(0, flat.size, PIECE):
            self._add(flat[begin : begin + PIECE].astype(np.float64))

    def _add(self, piece: Values) -> None:
        self.count += piece.size
        squares = float(piece @ piece)
        if not math.isfinite(squares):  # or one so large that its square is
            finite = piece[np.isfinite(piece)]
            self.nonfinite += piece.size - finite.size
            piece, squares = finite, float(finite @ finite)
        if piece.size:
            self.squares += squares
            self.total += float(piece.sum())
            self.absmax = max(self.absmax, float(piece.max()), -float(piece.min()))
            self.zeros += piece.size - int(np.count_nonzero(piece))

    def statistics(self) -> Statistics:
        """Return what the values so far are like."""
        finite = self.count - self.nonfinite
        zeros = self.zeros / self.count if self.count else 0.0
        if not finite:
            return Statistics(None, None, None, zeros, self.nonfinite)
        return Statistics(
            self.total / finite, math.sqrt(self.squares / finite), self.absmax, zeros, self.nonfinite
        )


def statistics_of(matrix: Matrix) -> Statistics:
    """Return what the values of a whole matrix are like.

    Raises:
        WeightsError: It can't be read.
    """
    sums = Sums()
    for _, band in bands(matrix):
        sums.add(band)
    return sums.statistics()
