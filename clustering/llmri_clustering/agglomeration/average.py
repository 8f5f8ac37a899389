"""Average linkage on 1 - r of many units, without a matrix of their distances."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.centroids import Centroids
from llmri_clustering.agglomeration.chain import merge_by_chain
from llmri_clustering.agglomeration.merges import Merges
from llmri_clustering.agglomeration.reciprocal import merge_reciprocal

CHAIN = 4096  # clusters whose similarities, 67 MB, are cheap to hold
SLOW = 4 / 5  # of the clusters left by a product of all with all: another would cost the chain's time


def average_linkage(rows: npt.NDArray[np.float32], *, chain: int = CHAIN) -> npt.NDArray[np.float64]:
    """Return the dendrogram over standardised units, `[units - 1, 4]`, as scipy has it.

    Rounds merge all reciprocal nearest neighbours, until few clusters are left for the nearest-neighbour
    chain. Where rounds merge too little, the chain takes over sooner, with 4 bytes for each two clusters.

    Args:
        rows: Units of mean 0 and length 1, or of zeros, `[units, samples]`; they are written to.
        chain: How many clusters are few.
    """
    merges = Merges(len(rows))
    clusters = _distinct(rows, merges)
    rng = np.random.default_rng(0)
    while len(clusters) > chain:
        before = len(clusters)
        clusters = merge_reciprocal(clusters, merges, rng)
        if len(clusters) > SLOW * before:
            break
    merge_by_chain(clusters, merges)
    return merges.linkage()


def _distinct(rows: npt.NDArray[np.float32], merges: Merges) -> Centroids:
    """Merge units that have the same row, which are nearest neighbours of each other.

    Of constant units that is true as well, though at distance 1: nothing is nearer to them.
    """
    same: defaultdict[bytes, list[int]] = defaultdict(list)
    for unit, row in enumerate(rows):
        same[row.tobytes()].append(unit)
    clusters = Centroids(rows, np.ones(len(rows)), np.arange(len(rows)))
    for first, *others in same.values():
        for second in others:
            pair = np.array([first]), np.array([second])
            clusters.merge(*pair, clusters.similarity(*pair), merges)
    return clusters if len(same) == len(rows) else clusters[np.array([units[0] for units in same.values()])]
