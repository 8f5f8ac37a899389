"""Average linkage on 1 - r of many units, without a matrix of their distances."""

from collections import defaultdict
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import LARGE, single
from llmri_clustering.agglomeration.cells import candidates_in_cells
from llmri_clustering.agglomeration.centroids import Centroids
from llmri_clustering.agglomeration.chain import merge_by_chain
from llmri_clustering.agglomeration.merges import Merges
from llmri_clustering.agglomeration.reciprocal import merge_reciprocal

CHAIN = 2048  # clusters whose similarities, 17 MB, are cheap to hold
SLOW = 4 / 5  # of the clusters left by a product of all with all: another would cost the chain's time
BEGINNING = 8  # samples that tell most units apart
SINGLE = 2**29  # bytes of means that are held in float32; more are held in half the precision

Rows = npt.NDArray[np.float32] | npt.NDArray[np.float16]


def average_linkage(rows: Rows, *, chain: int = CHAIN, exact: int | None = None) -> npt.NDArray[np.float64]:
    """Return the dendrogram over standardised units, `[units - 1, 4]`, as scipy has it.

    Rounds merge all reciprocal nearest neighbours, until few clusters are left for the nearest-neighbour
    chain. Where rounds merge too little, the chain takes over sooner, with 4 bytes for each two clusters,
    unless these are too many to be held.

    Args:
        rows: Units of mean 0 and length 1, or of zeros, `[units, samples]`; they are written to.
        chain: How many clusters are few.
        exact: Clusters above which candidates are looked for in cells alone, so that the dendrogram is an
            estimate; without it none are.
    """
    merges = Merges(len(rows))
    clusters = distinct(rows, merges)
    rng = np.random.default_rng(0)
    while len(clusters) > chain:
        before = len(clusters)
        in_cells = exact is not None and before > exact
        found = candidates_in_cells(clusters.means, rng) if in_cells else None
        clusters = merge_reciprocal(clusters, merges, rng, found)
        if clusters.means.size * np.dtype(np.float32).itemsize <= SINGLE:
            clusters.means = single(clusters.means)
        if len(clusters) > SLOW * before and len(clusters) <= LARGE:
            break
    clusters.means = single(clusters.means)
    merge_by_chain(clusters, merges)
    return merges.linkage()


def distinct(rows: Rows, merges: Merges) -> Centroids:
    """Merge units that have the same row, which are nearest neighbours of each other.

    Of constant units that is true as well, though at distance 1: nothing is nearer to them.
    """
    first_of: dict[bytes, int] = {}
    clusters = Centroids(rows, np.ones(len(rows)), np.arange(len(rows)))
    kept = np.ones(len(rows), dtype=np.bool_)
    for unit in _perhaps_same(rows):
        first = first_of.setdefault(blake2b(rows[unit].tobytes(), digest_size=16).digest(), unit)
        if first != unit:
            pair = np.array([first]), np.array([unit])
            clusters.merge(*pair, clusters.similarity(*pair), merges)
            kept[unit] = False
    return clusters if kept.all() else clusters[kept]


def _perhaps_same(rows: Rows) -> list[int]:
    """Return the units, ascending, that begin as another one does."""
    begins = np.ascontiguousarray(rows[:, :BEGINNING])
    begins = begins.view(np.dtype((np.void, begins.shape[1] * begins.itemsize)))
    same: defaultdict[bytes, list[int]] = defaultdict(list)
    for unit, begin in enumerate(begins[:, 0].tolist()):
        same[begin].append(unit)
    return sorted(unit for units in same.values() if len(units) > 1 for unit in units)
