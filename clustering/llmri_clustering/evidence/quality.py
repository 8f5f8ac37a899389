"""How closely the units of a cluster fire together, and how far from the nearest other cluster."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Distance
from llmri_clustering.evidence.grouping import Grouping
from llmri_clustering.evidence.standard import standard_scores
from llmri_clustering.sources import SampleSource, source_of

ROWS_AT_ONCE = 1024  # of the correlation matrix: 64 MB at 16384 units


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
    scores = np.zeros((source.shape[0], len(grouping)))
    z = np.empty(source.shape if distance == "1 - |r|" else (0, 0), dtype=np.float32)
    for here, z_here in standard_scores(source):
        # A unit correlates 1 with itself, a constant one by these products 0.
        itself[here] = np.einsum("su,su->u", z_here, z_here, dtype=np.float64) / len(z_here)
        if distance == "1 - r":
            scores += z_here.astype(np.float64) @ grouping.members(here)
        else:
            z[:, here] = z_here
    sums = scores.T @ scores / len(scores) if distance == "1 - r" else _summed_magnitudes(z, grouping)
    return _quality(sums, grouping, itself)


def quality_of_correlation(
    correlation: npt.NDArray[np.float32], labels: npt.NDArray[np.int32], *, distance: Distance = "1 - r"
) -> Quality:
    """Measure clusters by a correlation matrix `[units, units]`; arguments as in `quality_of_samples`."""
    grouping = Grouping.of(labels)
    wanted = np.abs(correlation) if distance == "1 - |r|" else correlation
    sums = grouping.sums(grouping.sums(wanted, axis=0), axis=1)
    return _quality(sums, grouping, np.diagonal(wanted).astype(np.float64))


def _summed_magnitudes(z: npt.NDArray[np.float32], grouping: Grouping) -> npt.NDArray[np.float64]:
    """Sum |r| over the pairs of units of every two clusters, `[clusters, clusters]`."""
    by_unit = np.empty((z.shape[1], len(grouping)))
    for first in range(0, z.shape[1], ROWS_AT_ONCE):
        rows = np.abs(z[:, first : first + ROWS_AT_ONCE].T @ z) / len(z)
        by_unit[first : first + ROWS_AT_ONCE] = grouping.sums(rows, axis=1)
    return grouping.sums(by_unit, axis=0)


def _quality(sums: npt.NDArray[np.float64], grouping: Grouping, itself: npt.NDArray[np.float64]) -> Quality:
    """Turn summed correlations `[clusters, clusters]` into means over pairs of different units."""
    sizes = grouping.sizes
    own: npt.NDArray[np.float64] = np.diagonal(sums) - grouping.sums(itself, axis=0)
    pairs = sizes * (sizes - 1)  # each counted from both sides, as in the sums
    inside = np.divide(own, pairs, out=np.zeros(len(sizes)), where=pairs > 0)
    between = sums / np.outer(sizes, sizes)
    np.fill_diagonal(between, -np.inf)
    nearest = between.max(axis=1) if len(sizes) > 1 else np.zeros(len(sizes))
    return Quality(grouping.numbers, sizes, inside, inside - nearest)
