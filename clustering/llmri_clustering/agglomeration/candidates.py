"""Pairs of clusters that may be nearest neighbours, and a bound on all others, by one matrix product."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ROWS, COLUMNS = 512, 2048  # of similarities at a time: 4 MB, which stay in the cache
DRAWN = 1024  # clusters, to guess from how near the nearest ones are
WANTED = 32  # candidates of a cluster, or so
MOST = 256  # candidates of a cluster on average; with more, the work on them is more than they save
DRAWN_SHARE = 64  # one cluster in so many is drawn, where these are more: from fewer the guess is too low
MOST_PAIRS = 2**25  # of candidates, 400 MB
LARGE = 16384  # clusters above which too many candidates are thinned: their similarities, 1 GB, would be held

Named = npt.NDArray[np.int32]
Means = npt.NDArray[np.floating]  # float32, or of half the precision where there are many


@dataclass(eq=False)
class Candidates:
    """Pairs of clusters, and for each cluster a bound on all pairs that are not among them.

    Attributes:
        first: One of the pair, `[pairs]`.
        second: The other, `[pairs]`; it has the greater number.
        similarity: Their mean correlation, `[pairs]`.
        floor: What no similarity with a cluster reaches that is not among the pairs, `[clusters]`.
    """

    first: Named
    second: Named
    similarity: npt.NDArray[np.float32]
    floor: npt.NDArray[np.float32]


class Sieve:
    """Keeps, of blocks of similarities, the pairs that reach the floor of either cluster.

    Args:
        floor: Of each cluster, `[clusters]`.
    """

    def __init__(self, floor: npt.NDArray[np.float32]) -> None:
        self._floor = floor
        self._room = self._most = min(MOST * len(floor), MOST_PAIRS)
        self._found: list[tuple[Named, Named, npt.NDArray[np.float32]]] = []

    def take(self, first: Named, second: Named, block: npt.NDArray[np.float32]) -> bool:
        """Look at the similarities of some clusters, `[first]`, with others, `[second]`.

        Returns:
            Whether there is room for more.
        """
        reaches = block >= self._floor[first, None]
        reaches |= block >= self._floor[second]
        at = np.flatnonzero(reaches)
        row, column = np.divmod(at, len(second))
        one, other = first[row], second[column]
        different = one != other
        one, other = one[different], other[different]
        self._found.append((np.minimum(one, other), np.maximum(one, other), block.ravel()[at[different]]))
        self._room -= len(one)
        if self._room < 0 and len(self._floor) > LARGE:
            self._thin()
        return self._room >= 0

    def _thin(self) -> None:
        """Raise every floor to the middle of what reaches it, and drop what reaches neither floor any more.

        What was passed over before stays below: a floor may always be raised.
        """
        first, second, similarity = self._each_once()
        cluster = np.concatenate([first, second])
        both = np.concatenate([similarity, similarity])
        order = np.lexsort((both, cluster))
        count = np.bincount(cluster, minlength=len(self._floor))
        middle = np.cumsum(count) - count + count // 2
        met = np.flatnonzero(count > 1)
        self._floor[met] = np.maximum(self._floor[met], both[order[middle[met]]])
        stays = similarity >= np.minimum(self._floor[first], self._floor[second])
        self._found = [(first[stays], second[stays], similarity[stays])]
        self._room = self._most - int(np.count_nonzero(stays))

    def _each_once(self) -> tuple[Named, Named, npt.NDArray[np.float32]]:
        """Return every pair once: those with both clusters in one block, or in two, were met twice."""
        first, second, similarity = map(np.concatenate, zip(*self._found, strict=True))
        key = first.astype(np.int64) * len(self._floor) + second
        order = np.argsort(key)
        order = order[np.diff(key[order], prepend=-1) > 0]
        return first[order], second[order], similarity[order]

    def candidates(self) -> Candidates | None:
        """Return what was found; None if it was too much."""
        if self._room < 0 or not self._found:
            return None
        first, second, similarity = self._each_once()
        return Candidates(first, second, similarity, self._floor)


def candidates(means: Means, rng: np.random.Generator) -> Candidates | None:
    """Find all pairs that reach the floor of either cluster; None if they are too many.

    The floor of a cluster is what a few of some clusters drawn at random reach.

    Args:
        means: Of the standardised units of each cluster, `[clusters, samples]`.
        rng: Draws clusters.
    """
    sieve = Sieve(floors(means, rng))
    names = np.arange(len(means), dtype=np.int32)
    for row, column, block in _blocks(means):
        if not sieve.take(names[row : row + len(block)], names[column : column + block.shape[1]], block):
            return None
    return sieve.candidates()


def floors(means: Means, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return what a few of some clusters drawn at random reach, for each cluster, `[clusters]`."""
    number = min(max(DRAWN, len(means) // DRAWN_SHARE), len(means))
    drawn = np.sort(rng.choice(len(means), number, replace=False))
    chosen = single(means[drawn])
    rank = min(-(-WANTED * number // len(means)), number - 1)
    floor = np.empty(len(means), dtype=np.float32)
    for row in range(0, len(means), ROWS):
        block = single(means[row : row + ROWS]) @ chosen.T
        own = slice(*np.searchsorted(drawn, [row, row + ROWS]))
        block[drawn[own] - row, np.arange(own.start, own.stop)] = -np.inf
        floor[row : row + ROWS] = np.partition(block, -rank, axis=1)[:, -rank]
    return floor


def single(values: Means) -> npt.NDArray[np.float32]:
    """Return the values in float32, themselves where they are."""
    return values.astype(np.float32, copy=False)


def _blocks(means: Means) -> Iterator[tuple[int, int, npt.NDArray[np.float32]]]:
    """Yield the first row, the first column and the similarities of blocks that cover the upper triangle.

    They all lie in the same memory.
    """
    memory = np.empty(ROWS * COLUMNS, dtype=np.float32)
    for row in range(0, len(means), ROWS):
        rows = single(means[row : row + ROWS])
        for column in range(row, len(means), COLUMNS):
            columns = single(means[column : column + COLUMNS])
            out = memory[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            yield row, column, np.matmul(rows, columns.T, out=out)
