"""Squares of a tensor's picture as numbers: exact from the file when near, from the summary when far.

Values are reduced here and coloured elsewhere. A pixel of level `k` stands for `2 ** k` elements a side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from llmri_weights.arrays import Doubles, Values
from llmri_weights.folding import folded
from llmri_weights.kernels import BlockSums, block_sums
from llmri_weights.matrices import Matrix, unconverted
from llmri_weights.pyramid import FINEST, Level, coarser, level_of

SIDE = 256  # pixels
BAND = 1 << 19  # elements reduced at once
SAMPLED = 64  # an estimate reads one row in so many


class Truth(StrEnum):
    """How a tile's numbers came about; a picture says it."""

    EXACT = "exact"
    ESTIMATE = "estimate"


@dataclass(frozen=True)
class Tile:
    """A square of pixels, cut off at the tensor's edge.

    Attributes:
        level: The statistics of each pixel; at level 0 the mean is the element itself, finite or not.
        truth: How they came about.
    """

    level: Level
    truth: Truth


class TensorTiles:
    """The tiles of one tensor.

    Args:
        matrix: Its numbers.
        finest: Returns its statistics of 32x32 elements, or None as long as there are none.
    """

    def __init__(self, matrix: Matrix, finest: Callable[[], Level | None] = lambda: None) -> None:
        self._matrix, self._finest = matrix, finest
        self._levels: dict[int, Level] = {}

    @property
    def coarsest(self) -> int:
        """Return the level at which the whole tensor is one pixel."""
        return max(0, int(max(self._matrix.rows, self._matrix.columns, 1) - 1).bit_length())

    def tile(self, level: int, row: int, column: int, side: int = SIDE) -> Tile:
        """Return a tile by its place among the tiles of its level.

        Raises:
            WeightsError: The file can't be read.
        """
        scale = 1 << level
        rows = _cut(row * side, side, -(-self._matrix.rows // scale))
        columns = _cut(column * side, side, -(-self._matrix.columns // scale))
        if level < FINEST:
            return Tile(self._from_file(rows, columns, scale), Truth.EXACT)
        found = self._from_summary(level)
        if found is None:
            return Tile(self._estimate(rows, columns, scale), Truth.ESTIMATE)
        parts = (array[rows, columns] for array in (found.mean, found.rms, found.absmax, found.nonfinite))
        return Tile(Level(*parts), Truth.EXACT)

    def _from_file(self, rows: slice, columns: slice, scale: int) -> Level:
        top, bottom = rows.start * scale, min(rows.stop * scale, self._matrix.rows)
        left, right = columns.start * scale, min(columns.stop * scale, self._matrix.columns)
        if scale == 1:
            values = self._matrix.window(top, bottom, left, right)
            magnitude = np.abs(values)
            return Level(values, magnitude, magnitude, ~np.isfinite(values))
        step = max(1, BAND // max(1, (right - left) * scale)) * scale  # what stays in the processor's cache
        found = [
            block_sums(unconverted(self._matrix, begin, min(begin + step, bottom), left, right), scale)
            for begin in range(top, max(bottom, top + 1), step)
        ]
        sums = BlockSums(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        return level_of(sums, (bottom - top, right - left), scale)

    def _from_summary(self, level: int) -> Level | None:
        if FINEST not in self._levels:
            finest = self._finest()
            if finest is None:
                return None
            self._levels[FINEST] = finest
        shape = (self._matrix.rows, self._matrix.columns)
        for next_level in range(FINEST + 1, level + 1):
            if next_level not in self._levels:
                self._levels[next_level] = coarser(self._levels[next_level - 1], shape, 1 << (next_level - 1))
        return self._levels[level]

    def _estimate(self, rows: slice, columns: slice, scale: int) -> Level:
        """Return what every `SAMPLED`-th row tells of its pixels, of which each has one at least."""
        step = min(SAMPLED, scale)
        left, right = columns.start * scale, min(columns.stop * scale, self._matrix.columns)
        top, bottom = rows.start * scale, min(rows.stop * scale, self._matrix.rows)
        lines = [self._matrix.window(row, row + 1, left, right) for row in range(top, bottom, step)]
        return reduced(np.concatenate(lines or [np.zeros((0, right - left))]), scale // step, scale)


def reduced(values: Values, down: int, across: int) -> Level:
    """Return the statistics of blocks of `down` rows and `across` columns; the last ones may be smaller."""
    finite = np.isfinite(values)
    every = bool(finite.all())
    kept = values if every else np.where(finite, values, 0)
    count = _counts(values.shape, down, across)
    bad = np.zeros_like(count) if every else folded(np.add, (~finite).astype(np.float64), down, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = folded(np.add, kept, down, across) / (count - bad)
        rms = np.sqrt(folded(np.add, np.square(kept, dtype=np.float64), down, across) / (count - bad))
    return Level(mean, rms, folded(np.maximum, np.abs(kept), down, across), bad)


def _counts(shape: tuple[int, ...], down: int, across: int) -> Doubles:
    rows, columns = (
        np.minimum(side, length - np.arange(0, length, side))
        for length, side in zip(shape, (down, across), strict=True)
    )
    return np.multiply.outer(rows, columns).astype(np.float64)


def _cut(begin: int, side: int, end: int) -> slice:
    return slice(min(begin, end), min(begin + side, end))
