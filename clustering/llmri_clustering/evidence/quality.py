"""How closely the units of a cluster fire together, and how far from the nearest other cluster."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Distance
from llmri_clustering.evidence.grouping import Grouping, sums_by_cluster
from llmri_clustering.evidence.standard import standard_scores
from llmri_clustering.sources import SampleSource, source_of

ROWS_AT_ONCE = 1024  # of the correlations of units or clusters: 64 MB at 16384


@dataclass(frozen=True, eq=False)
class Quality:
    """What the correlations say of every cluster, by ascending number.

    A cluster of one unit has no pair: `inside` is 0. Where there is no other cluster, the mean correlation
    with the nearest one counts as 0.

    Attributes:
        numbers: The clusters' numbers, `[clusters]`.
        sizes: Units in each, `[clusters]`.
        inside: Mean correlation over the pairs of its units, `[clusters]`.
        separation: `inside` less the highest mean correlation with another cluster, `[clusters]`.
    """

    numbers: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.intp]
    inside: npt.NDArray[np.float64]
    separation: npt.NDArray[np.float64]


def quality_of_samples(
    samples: npt.NDArray[np.floating] | SampleSource,
    labels: npt.NDArray[np.int32],
    *,
    distance: Distance = "1 - r",
) -> Quality:
    """Measure clusters by the Pearson correlation of samples `[samples, units]`.

    No `[units, units]` matrix is kept: with z scores, the correlations between two clusters add up to the
    product of the clusters' summed scores; magnitudes are summed a block of rows at a time. Samples are read
    a few units at a time.

    Args:
        samples: Activations, `[samples, units]`.
        labels: Cluster of each unit, `[units]`; -1 in none.
        distance: With `1 - |r|`, the magnitudes of the correlations are averaged.
    """
    source = source_of(samples)
    grouping = Grouping.of(labels)
    itself = np.zeros(source.shape[1])

    def scores() -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        for here, z in standard_scores(source):
            # A unit correlates 1 with itself, a constant one by these products 0.
            itself[here] = np.einsum("su,su->u", z, z, dtype=np.float64) / len(z)
            yield here, z

    if distance == "1 - r":
        summed = sums_by_cluster(scores(), labels, source.shape[0])
        return _quality(lambda rows: summed[rows] @ summed.T / source.shape[0], grouping, itself)
    whole = np.concatenate([z for _, z in scores()], axis=1)
    magnitudes = _summed_magnitudes(whole, grouping)
    return _quality(lambda rows: magnitudes[rows], grouping, itself)


def quality_of_correlation(
    correlation: npt.NDArray[np.float32], labels: npt.NDArray[np.int32], *, distance: Distance = "1 - r"
) -> Quality:
    """Measure clusters by a correlation matrix `[units, units]`; arguments as in `quality_of_samples`."""
    grouping = Grouping.of(labels)
    wanted = np.abs(correlation) if distance == "1 - |r|" else correlation
    sums = grouping.sums(grouping.sums(wanted, axis=0), axis=1)
    return _quality(lambda rows: sums[rows], grouping, np.diagonal(wanted).astype(np.float64))


def _summed_magnitudes(z: npt.NDArray[np.float32], grouping: Grouping) -> npt.NDArray[np.float64]:
    """Sum |r| over the pairs of units of every two clusters, `[clusters, clusters]`."""
    by_unit = np.empty((z.shape[1], len(grouping)))
    for first in range(0, z.shape[1], ROWS_AT_ONCE):
        rows = np.abs(z[:, first : first + ROWS_AT_ONCE].T @ z) / len(z)
        by_unit[first : first + ROWS_AT_ONCE] = grouping.sums(rows, axis=1)
    return grouping.sums(by_unit, axis=0)


def _quality(
    sums: Callable[[slice], npt.NDArray[np.float64]], grouping: Grouping, itself: npt.NDArray[np.float64]
) -> Quality:
    """Turn summed correlations into means over pairs of different units.

    Args:
        sums: From some clusters to the sums over their units and those of every cluster, `[some, clusters]`.
        grouping: The clusters.
        itself: Correlation of each unit with itself, `[units]`.
    """
    sizes = grouping.sizes
    own, nearest = np.zeros(len(sizes)), np.zeros(len(sizes))
    for first in range(0, len(sizes), ROWS_AT_ONCE):
        rows = slice(first, min(first + ROWS_AT_ONCE, len(sizes)))
        between = sums(rows)
        here = np.arange(rows.start, rows.stop)
        own[rows] = between[here - first, here]
        between = between / np.outer(sizes[rows], sizes)
        between[here - first, here] = -np.inf
        nearest[rows] = between.max(axis=1) if len(sizes) > 1 else 0.0
    own -= grouping.sums(itself, axis=0)
    pairs = sizes * (sizes - 1)  # each counted from both sides, as in the sums
    inside = np.divide(own, pairs, out=np.zeros(len(sizes)), where=pairs > 0)
    return Quality(grouping.numbers, sizes, inside, inside - nearest)
