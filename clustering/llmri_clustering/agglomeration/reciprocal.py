"""Average linkage by rounds: all clusters that are each other's nearest merge at once.

Average linkage is reducible (Bruynooghe 1978): a merged cluster is no nearer to another than the nearer
of its two parts was. So reciprocal nearest neighbours stay such until they merge, and may merge in any
order (Murtagh 1983). They are looked for among candidates only. The similarity of a merged cluster with
another is the weighted mean of its parts', and its floor is the weighted mean of their floors, so that
every pair that is no candidate stays below the floors of both; a candidate that reaches the floor is
nearer than all of those. That is how the threshold algorithm of Fagin, Lotem and Naor (2001) knows when
it has seen enough.
"""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import Candidates, candidates
from llmri_clustering.agglomeration.centroids import Centroids
from llmri_clustering.agglomeration.merges import Merges

FEW = 1 / 200  # merges of a round by clusters: the nearest neighbours of most are no candidates any more

Pairs = npt.NDArray[np.intp]
Named = npt.NDArray[np.int32]


def merge_reciprocal(
    clusters: Centroids, merges: Merges, rng: np.random.Generator, known: Candidates | None = None
) -> Centroids:
    """Merge while a round finds more than a few pairs, and give the clusters that are left.

    Args:
        clusters: Those to merge; they are written to.
        merges: Where to note the merges.
        rng: Draws what the candidates are chosen by, and which of equal pairs comes first.
        known: The candidates among the clusters, where they were found already.
    """
    found = candidates(clusters.means, rng) if known is None else known
    left = np.ones(len(clusters), dtype=np.bool_)
    while found is not None:
        pairs = _reciprocal(found, rng)
        if len(pairs) <= FEW * np.count_nonzero(left):
            break
        first, second = found.first[pairs], found.second[pairs]
        of_first, of_second = clusters.shares(first, second)
        clusters.merge(first, second, found.similarity[pairs], merges)
        found.floor[first] = of_first * found.floor[first] + of_second * found.floor[second]
        left[second] = False
        found = _merged(found, clusters, first, second)
    return clusters[left]


def _reciprocal(found: Candidates, rng: np.random.Generator) -> Pairs:
    """Return which candidates are each other's nearest; of those with a cluster in common only one."""
    highest = found.floor.copy()
    np.maximum.at(highest, found.first, found.similarity)
    np.maximum.at(highest, found.second, found.similarity)
    reaches = found.similarity >= highest[found.first]
    reaches &= found.similarity >= highest[found.second]
    pairs = rng.permutation(np.flatnonzero(reaches))  # equal similarities: most of them may still merge
    first, second, rank = found.first[pairs], found.second[pairs], np.arange(len(pairs))
    least = np.full(len(highest), len(pairs))
    np.minimum.at(least, first, rank)
    np.minimum.at(least, second, rank)
    chosen: Pairs = pairs[(least[first] == rank) & (least[second] == rank)]
    return chosen


def _merged(found: Candidates, clusters: Centroids, into: Named, gone: Named) -> Candidates:
    """Return the candidates after merges: those of both, as far as they reach a floor."""
    name = np.arange(len(clusters), dtype=np.int32)
    name[gone] = into
    changed = np.zeros(len(clusters), dtype=np.bool_)
    changed[into] = True
    first, second = name[found.first], name[found.second]
    anew = changed[first] | changed[second]
    kept = ~anew
    new_first, new_second = _distinct(first[anew], second[anew], len(clusters))
    similarity = clusters.similarity(new_first, new_second)
    reaches = similarity >= np.minimum(found.floor[new_first], found.floor[new_second])
    return Candidates(
        np.concatenate([first[kept], new_first[reaches]]),
        np.concatenate([second[kept], new_second[reaches]]),
        np.concatenate([found.similarity[kept], similarity[reaches]]),
        found.floor,
    )


def _distinct(first: Named, second: Named, clusters: int) -> tuple[Named, Named]:
    """Return each pair once, the lesser cluster first, without those of a cluster with itself."""
    keys = np.minimum(first, second).astype(np.int64) * clusters + np.maximum(first, second)
    keys = np.sort(keys[first != second])
    keys = keys[np.diff(keys, prepend=-1) > 0]
    lesser, greater = np.divmod(keys, clusters)
    return lesser.astype(np.int32), greater.astype(np.int32)
