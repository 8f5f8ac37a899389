"""How well each cluster of one partition is found again in another."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.evidence.grouping import Grouping


def cluster_agreement(
    labels: npt.NDArray[np.int32], others: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return the adjusted Rand index of each cluster of one partition against another partition.

    The adjusted Rand index (Hubert and Arabie 1985) is Cohen's kappa over pairs of units (Warrens 2008):
    chance-corrected agreement on which pairs are joined. Here it is taken over the pairs that touch one
    cluster. A pair with one unit in the cluster touches another cluster as well and counts half, so that
    every pair counts once over all clusters. As in the decomposition of Warrens and van der Hoef (2022), the
    indices of equally large clusters have the whole index as their mean, weighted by the denominator below.

    With `p`, `q` the touching pairs joined here and there, `a` those joined in both and `t` all of them,
    it is `(a - pq/t) / ((p + q)/2 - pq/t)`: 1 for a cluster that is found again unit by unit, 0 on average
    for chance, negative for less than chance. A cluster of one unit joins no pair: its index is 0.

    Args:
        labels: Cluster of each unit, `[units]`; a unit in none, -1, counts as alone.
        others: The same in the other partition.

    Returns:
        One index a cluster of `labels`, by ascending number, `[clusters]`.

    Raises:
        ValueError: The partitions are of different numbers of units.
    """
    if len(labels) != len(others):
        raise ValueError(f"both partitions must be of the same units, not of {len(labels)} and {len(others)}")
    grouping = Grouping.of(labels)
    sizes = grouping.sizes.astype(np.float64)
    joined = sizes * (sizes - 1) / 2
    both, joined_there = _joined_in_other(grouping, others)
    touching = sizes * (len(labels) - 1) / 2
    chance = joined * joined_there / np.maximum(touching, 1)
    most = (joined + joined_there) / 2 - chance
    # Nothing is left to agree on only where one cluster holds everything, in both.
    index = np.divide(both - chance, most, out=np.ones_like(most), where=most > 0)
    index[joined == 0] = 0
    return index


def _joined_in_other(
    grouping: Grouping, others: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Count, a cluster, the pairs within it joined in the other partition, and those touching it, halved."""
    _, there, sizes = np.unique(others, return_inverse=True, return_counts=True)
    neighbours = np.where(others < 0, 0.0, sizes[there] - 1.0)
    cluster = np.repeat(np.arange(len(grouping)), grouping.sizes)
    known = others[grouping.order] >= 0
    cells, shared = np.unique(cluster[known] * len(sizes) + there[grouping.order][known], return_counts=True)
    both = np.zeros(len(grouping))
    np.add.at(both, cells // len(sizes), shared * (shared - 1) / 2)
    return both, grouping.sums(neighbours, axis=0) / 2
