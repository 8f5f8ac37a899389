"""Pairs of clusters that may be nearest neighbours, looked for in the cells around each cluster alone.

Of very many clusters the product of all with all takes too long. So they are dealt into cells by k-means, and
each is held against the members of the few cells whose centres it is nearest to: the inverted file of Jégou,
Douze and Schmid (2011). What is found is a pair that exists, at its true similarity; what is missed is a near
pair across far cells.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import (
    COLUMNS,
    ROWS,
    Candidates,
    Means,
    Named,
    Sieve,
    floors,
    single,
)

Floats = npt.NDArray[np.float32]

CELLS = 1.5  # times the root of the number of clusters
PROBED = 1 / 24  # of the cells, for each cluster
FEWEST_PROBED = 4
PASSES = 5  # of k-means, each over some of the clusters
LEARNT_FROM = 128  # clusters a cell, in each pass


def candidates_in_cells(means: Means, rng: np.random.Generator) -> Candidates | None:
    """Find pairs that reach the floor of either cluster, in cells near each; None if they are too many.

    Args:
        means: Of the standardised units of each cluster, `[clusters, samples]`.
        rng: Draws clusters.
    """
    nearest = nearest_cells(means, rng)
    sieve = Sieve(floors(means, rng))
    for first, second, block in blocks_in_cells(means, nearest):
        if not sieve.take(first, second, block):
            return None
    return sieve.candidates()


def nearest_cells(means: Means, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Return the cells that each cluster is nearest to, its own first, `[clusters, probed]`."""
    number = max(1, min(round(CELLS * np.sqrt(len(means))), len(means)))
    probed = min(number, max(FEWEST_PROBED, round(number * PROBED)))
    centres = _centres(means, number, rng)
    nearest = np.empty((len(means), probed), dtype=np.int32)
    for row in range(0, len(means), ROWS):
        similarity = single(means[row : row + ROWS]) @ centres.T
        chosen = np.argpartition(similarity, number - probed, axis=1)[:, number - probed :]
        order = np.take_along_axis(similarity, chosen, axis=1).argsort(axis=1)[:, ::-1]
        nearest[row : row + ROWS] = np.take_along_axis(chosen, order, axis=1)
    return nearest


def _centres(means: Means, number: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the centres of cells, `[cells, samples]`; one that nobody is near stays as it is.

    A centre is the mean of its members: the product with it is the mean correlation with them. Drawn out to
    length 1, the mean of many would be nearer to everything than that of few.
    """
    centres = single(means[np.sort(rng.choice(len(means), number, replace=False))])
    for _ in range(PASSES):
        chosen = np.sort(rng.choice(len(means), min(LEARNT_FROM * number, len(means)), replace=False))
        parts = (single(means[chosen[at : at + ROWS]]) for at in range(0, len(chosen), ROWS))
        cell = np.concatenate([(rows @ centres.T).argmax(axis=1) for rows in parts])
        order = np.argsort(cell, kind="stable")
        starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
        sizes = np.diff(starts, append=len(order))
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            members = chosen[order[start : start + size]]
            centres[cell[order[start]]] = single(means[members]).mean(axis=0)
    return centres


def blocks_in_cells(
    means: Means, nearest: npt.NDArray[np.int32], *, own: bool = True
) -> Iterator[tuple[Named, Named, Floats]]:
    """Yield members of a cell, clusters that probe it, and their similarities, in the same memory.

    Args:
        means: Of the standardised units of each cluster, `[clusters, samples]`.
        nearest: The cells that each probes, its own first, `[clusters, probed]`.
        own: Whether the members of a cell are among those that probe it.
    """
    memory = np.empty(ROWS * COLUMNS, dtype=np.float32)
    for members, probers in _members_and_probers(nearest, own):
        for row in range(0, len(members), ROWS):
            first = members[row : row + ROWS]
            rows = single(means[first])
            for column in range(0, len(probers), COLUMNS):
                second = probers[column : column + COLUMNS]
                out = memory[: len(first) * len(second)].reshape(len(first), len(second))
                yield first, second, np.matmul(rows, single(means[second]).T, out=out)


def _members_and_probers(nearest: npt.NDArray[np.int32], own: bool) -> Iterator[tuple[Named, Named]]:
    """Yield the members of each cell, and all that probe it, with its members or without."""
    probed = nearest.shape[1]
    prober = np.argsort(nearest, axis=None, kind="stable")
    cell = nearest.ravel()[prober]
    member = prober % probed == 0
    name = (prober // probed).astype(np.int32)
    bounds = np.flatnonzero(np.diff(cell, prepend=-1, append=-1))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        probers, belongs = name[begin:end], member[begin:end]
        yield probers[belongs], probers if own else probers[~belongs]
