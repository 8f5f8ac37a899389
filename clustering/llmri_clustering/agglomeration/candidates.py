"""Pairs of clusters that may be nearest neighbours, and a bound on all others, by one matrix product."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ROWS, COLUMNS = 512, 2048  # of similarities at a time: 4 MB, which stay in the cache
DRAWN = 1024  # clusters, to guess from how near the nearest ones are
WANTED = 32  # candidates of a cluster, or so
MOST = 256  # candidates of a cluster on average; with more, the work on them is more than they save


@dataclass(eq=False)
class Candidates:
    """Pairs of clusters, and for each cluster a bound on all pairs that are not among them.

    Attributes:
        first: One of the pair, `[pairs]`.
        second: The other, `[pairs]`; it has the greater number.
        similarity: Their mean correlation, `[pairs]`.
        floor: What no similarity with a cluster reaches that is not among the pairs, `[clusters]`.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    similarity: npt.NDArray[np.float32]
    floor: npt.NDArray[np.float32]


def candidates(means: npt.NDArray[np.float32], rng: np.random.Generator) -> Candidates | None:
    """Find all pairs that reach the floor of either cluster; None if they are too many.

    The floor of a cluster is what a few of some clusters drawn at random reach.

    Args:
        means: Of the standardised units of each cluster, `[clusters, samples]`.
        rng: Draws clusters.
    """
    floor = _floor(means, rng)
    found: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]] = []
    room = MOST * len(means)
    for row, column, block in _blocks(means):
        reaches = block >= floor[row : row + len(block), None]
        reaches |= block >= floor[column : column + block.shape[1]]
        at = np.flatnonzero(reaches)
        first, second = np.divmod(at, block.shape[1])
        first += row
        second += column
        later = first < second
        found.append((first[later], second[later], block.ravel()[at[later]]))
        room -= len(found[-1][0])
        if room < 0:
            return None
    first, second, similarity = map(np.concatenate, zip(*found, strict=True))
    return Candidates(first, second, similarity, floor)


def _floor(means: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    drawn = np.sort(rng.choice(len(means), min(DRAWN, len(means)), replace=False))
    rank = min(-(-WANTED * len(drawn) // len(means)), len(drawn) - 1)
    floor = np.empty(len(means), dtype=np.float32)
    for row in range(0, len(means), ROWS):
        block = means[row : row + ROWS] @ means[drawn].T
        own = slice(*np.searchsorted(drawn, [row, row + ROWS]))
        block[drawn[own] - row, np.arange(own.start, own.stop)] = -np.inf
        floor[row : row + ROWS] = np.partition(block, -rank, axis=1)[:, -rank]
    return floor


def _blocks(means: npt.NDArray[np.float32]) -> Iterator[tuple[int, int, npt.NDArray[np.float32]]]:
    """Yield the first row, the first column and the similarities of blocks that cover the upper triangle.

    They all lie in the same memory.
    """
    memory = np.empty(ROWS * COLUMNS, dtype=np.float32)
    for row in range(0, len(means), ROWS):
        rows = means[row : row + ROWS]
        for column in range(row, len(means), COLUMNS):
            columns = means[column : column + COLUMNS]
            out = memory[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            yield row, column, np.matmul(rows, columns.T, out=out)
