"""How far a dendrogram that is an estimate agrees with the exact one, on units few enough for both."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.agglomeration.average import CHAIN, average_linkage
from llmri_clustering.agglomeration.cells import nearest_cells
from llmri_clustering.agglomeration.standardise import standardised
from llmri_clustering.agglomeration.tree import ClusterTree
from llmri_clustering.clusters import TreeAgreement
from llmri_clustering.sources import SampleSource, SomeUnits

UNITS = 8192  # that both are tried on
LEARNT = 65536  # units, of which whole cells are taken

Cut = Callable[[ClusterTree], npt.NDArray[np.int32]]


def agreement_with_exact(
    samples: SampleSource, cut: Cut, *, units: int = UNITS, seed: int = 0
) -> TreeAgreement:
    """Link some units exactly and as an estimate, and compare the two.

    The units are those of whole cells, as far as units drawn at random fill them: units drawn one by one
    would have left their clusters behind.

    Args:
        samples: Activations, `[samples, units]`.
        cut: From a dendrogram to flat clusters.
        units: How many units, about.
        seed: Of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen = _in_whole_cells(samples, min(units, samples.shape[1]), rng)
    rows = standardised(SomeUnits(samples, chosen))
    exact = average_linkage(rows.copy())
    estimate = average_linkage(rows, exact=min(CHAIN, len(rows) // 8))
    flat = adjusted_rand(*(cut(ClusterTree.from_linkage(tree)) for tree in (exact, estimate)))
    heights = np.corrcoef(hierarchy.cophenet(exact), hierarchy.cophenet(estimate))
    return TreeAgreement(flat, float(heights[0, 1]), len(chosen))


def adjusted_rand(labels: npt.NDArray[np.int32], others: npt.NDArray[np.int32]) -> float:
    """Return the adjusted Rand index of two partitions (Hubert and Arabie 1985); a unit in none is alone."""
    one, other = _alone(labels), _alone(others)
    both = np.unique(np.stack([one, other]), axis=1, return_counts=True)[1]
    joined = [
        float((count * (count - 1.0) / 2).sum())
        for count in (both, *(np.unique(each, return_counts=True)[1] for each in (one, other)))
    ]
    chance = joined[1] * joined[2] / max(len(labels) * (len(labels) - 1) / 2, 1)
    most = (joined[1] + joined[2]) / 2
    return (joined[0] - chance) / (most - chance) if most > chance else 1.0


def _alone(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return np.where(labels < 0, -1 - np.arange(len(labels)), labels)


def _in_whole_cells(samples: SampleSource, units: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    drawn = np.sort(rng.choice(samples.shape[1], min(LEARNT, samples.shape[1]), replace=False))
    cell = nearest_cells(standardised(SomeUnits(samples, drawn)), rng)[:, 0]
    place = rng.permutation(int(cell.max()) + 1)[cell]
    return drawn[np.sort(np.argsort(place, kind="stable")[:units])]
