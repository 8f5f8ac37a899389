"""Statistics of a tensor's blocks at every coarser level, each made exactly from the finer one."""

from dataclasses import dataclass

import numpy as np

from llmri_weights.arrays import Doubles, Values
from llmri_weights.folding import folded
from llmri_weights.kernels import BLOCK, BlockSums

FINEST = 5  # the level whose pixel is a block of 32 x 32 elements


@dataclass(frozen=True)
class Level:
    """The statistics of blocks of `2 ** level` elements a side, each `[row blocks, column blocks]`.

    Attributes:
        mean: Of the finite elements; NaN where there is none, as for the next one.
        rms: Of the finite elements.
        absmax: The largest magnitude.
        nonfinite: How many elements are NaN or infinite.
    """

    mean: Values
    rms: Values
    absmax: Values
    nonfinite: Values


def counts(shape: tuple[int, int], side: int) -> Doubles:
    """Return how many elements each block of a matrix has, `[row blocks, column blocks]`."""
    down, across = (np.minimum(side, length - np.arange(0, length, side)) for length in shape)
    return np.multiply.outer(down, across).astype(np.float64)


def level_of(sums: BlockSums, shape: tuple[int, int], side: int = BLOCK) -> Level:
    """Return the statistics that sums of blocks stand for."""
    finite = counts(shape, side) - sums.nonfinite
    with np.errstate(divide="ignore", invalid="ignore"):
        return Level(sums.total / finite, np.sqrt(sums.squares / finite), sums.absmax, sums.nonfinite)


def coarser(level: Level, shape: tuple[int, int], side: int) -> Level:
    """Return the level of blocks of `2 * side` elements, of the level of blocks of `side`."""
    finite = counts(shape, side) - level.nonfinite
    mean, rms = (
        np.where(finite > 0, np.nan_to_num(array.astype(np.float64)), 0.0)
        for array in (level.mean, level.rms)
    )
    sums = BlockSums(
        folded(np.add, mean * finite, 2, 2),
        folded(np.add, np.square(rms) * finite, 2, 2),
        folded(np.maximum, level.absmax, 2, 2),
        folded(np.add, level.nonfinite, 2, 2),
    )
    return level_of(sums, shape, 2 * side)
