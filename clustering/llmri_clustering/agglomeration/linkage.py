"""Agglomerative linkage of units by their correlation."""

from typing import get_args

import fastcluster  # type: ignore[import-untyped]  # it brings no types
import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.average import SINGLE, Rows, average_linkage
from llmri_clustering.agglomeration.distances import Floats, distances_of_correlation, distances_of_units
from llmri_clustering.agglomeration.neighbourhood import neighbourhood_order
from llmri_clustering.agglomeration.standardise import standardised
from llmri_clustering.clusters import Distance, Method
from llmri_clustering.sources import SampleSource, source_of

MANY = 2048  # units above which a matrix of all distances is what takes most time and memory


def linkage(
    correlation: npt.NDArray[np.floating], *, method: Method = "average", distance: Distance = "1 - r"
) -> npt.NDArray[np.float64]:
    """Return the dendrogram over units whose correlations are known, `[units - 1, 4]`, as scipy has it.

    The methods are those of Lance and Williams (1967), by the nearest-neighbour chain (Murtagh 1985) of
    fastcluster (Müllner 2013): the same tree as `scipy.cluster.hierarchy.linkage` up to ties. Ward's method
    needs Euclidean distances (Murtagh and Legendre 2014, the algorithm Ward2), which a correlation distance
    is not. It gets the one that rises with it: `sqrt(2 (1 - r))`, which lies between the units' standardised
    samples, or for 1 - |r| `sqrt(2 (1 - r²))`, which lies between their projections, where a sign is lost.
    Its heights are in those terms.

    Args:
        correlation: Correlations, `[units, units]`; only the upper triangle is read, and nothing is written.
        method: How far two groups of units are from each other.
        distance: How far two units are from each other.

    Raises:
        ValueError: Not square, no unit, a correlation that is no number from -1 to 1, or an unknown word.
    """
    _check(method)
    return _tree(
        len(correlation), distances_of_correlation(correlation, distance, euclidean=method == "ward"), method
    )


def linkage_from_samples(
    samples: npt.NDArray[np.floating] | SampleSource,
    *,
    method: Method = "average",
    distance: Distance = "1 - r",
    exact: int | None = None,
) -> npt.NDArray[np.float64]:
    """Return the dendrogram over units from their samples, `[units - 1, 4]`, as `linkage` does.

    Correlations are made in float32, so that distances closer than its rounding (about 1e-7) are ties, which
    may be merged in another order than scipy's. For Ward's method they are made in float64.

    Average linkage on 1 - r of more than 2,048 units takes the way of `average_linkage`, where the distances
    of all pairs are never held together. For anything else there is no matrix of all correlations either, but
    this takes 8 bytes a pair of units. Samples are read a few units at a time. Where the standardised units
    would take more than 512 MiB, they are held in half the precision, and a correlation is right to about
    5e-4.

    Args:
        samples: Activations, `[samples, units]`; a constant unit has correlation 0 with all others.
        method: How far two groups of units are from each other.
        distance: How far two units are from each other.
        exact: Clusters above which nearest neighbours are looked for in cells alone (`candidates_in_cells`),
            for average linkage on 1 - r: then the dendrogram is an estimate. Without it, it is exact.

    Raises:
        ValueError: No unit, fewer than two samples, a value that is not finite, or an unknown word.
    """
    _check(method)
    samples = source_of(samples)
    if method == "ward":
        return _through_distances(standardised(samples, np.float64), method, distance)
    if method == "average" and distance == "1 - r" and samples.shape[1] > MANY:
        return average_linkage(standardised_rows(samples), exact=exact)
    return _through_distances(standardised(samples, np.float32), method, distance)


def standardised_rows(samples: SampleSource) -> Rows:
    """Return each unit with mean 0 and length 1, `[units, samples]`, in float32 as far as memory allows."""
    count, units = samples.shape
    if count * units * np.dtype(np.float32).itemsize <= SINGLE:
        return standardised(samples)
    return standardised(samples, np.float16)


def _through_distances(rows: Floats, method: Method, distance: Distance) -> npt.NDArray[np.float64]:
    order = neighbourhood_order(rows, signed=distance == "1 - r")
    rows = rows[order]
    tree = _tree(len(rows), distances_of_units(rows, distance, euclidean=method == "ward"), method)
    return _renumbered(tree, order)


def _check(method: str) -> None:
    if method not in get_args(Method):
        raise ValueError(f"there is no method {method!r}, expected one of {', '.join(get_args(Method))}")


def _tree(units: int, distances: npt.NDArray[np.float64], method: Method) -> npt.NDArray[np.float64]:
    """Link, and leave `distances` as scratch memory.

    `fastcluster.linkage` copies its input once even where it need not preserve it, so this calls what that
    calls.
    """
    tree = np.empty((units - 1, 4))
    if units > 1:
        fastcluster.linkage_wrap(units, distances, tree, fastcluster.mthidx[method])
    return tree


def _renumbered(tree: npt.NDArray[np.float64], order: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Name the units as they were before they were put in order; the lesser node comes first."""
    names = np.concatenate([order, np.arange(len(order), 2 * len(order))])
    tree[:, :2] = np.sort(names[tree[:, :2].astype(np.intp)], axis=1)
    return tree
