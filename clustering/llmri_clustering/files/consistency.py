"""Do the parts of a clustering fit each other?"""

import math

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration import ClusterTree
from llmri_clustering.clusters import Clustering

CELLS_PER_UNIT, FEW_CELLS = 8, 64  # of the image, whose cells are one unit each, and a few that stay empty


def check(clustering: Clustering) -> None:
    """Check everything that a reader of a clustering relies on.

    Raises:
        ValueError: Shapes disagree, a number is out of range or not finite, or the tree is none.
    """
    _check_units(clustering)
    _check_labels(clustering)
    _check_nesting(clustering)
    _check_placement(clustering)


def _check_units(clustering: Clustering) -> None:
    units = len(clustering.units)
    _expect_shape("index", clustering.units.index, (units,))
    _expect_shape("active", clustering.active, (units,))
    places = np.stack([clustering.units.layer, clustering.units.index], axis=1)
    if (places < 0).any() or len(np.unique(places, axis=0)) != units:
        raise ValueError("a unit stands twice, or has a negative layer or index")
    taking_part = int(clustering.active.sum())
    _expect_shape("linkage", clustering.linkage, (max(taking_part - 1, 0), 4))
    if (np.abs(clustering.linkage) > 2 * units + 1).any():
        raise ValueError("the linkage holds a number that is no node and no distance")
    ClusterTree.from_linkage(clustering.linkage)


def _check_labels(clustering: Clustering) -> None:
    _expect_shape("labels", clustering.labels, (len(clustering.units),))
    _expect_range("labels", clustering.labels, -1, np.iinfo(np.int32).max)
    if (clustering.labels[~clustering.active] >= 0).any():
        raise ValueError("a unit that did not take part is in a cluster")
    numbers, sizes = np.unique(clustering.labels[clustering.labels >= 0], return_counts=True)
    told = [(cluster.number, cluster.units) for cluster in clustering.clusters]
    found = list(zip(numbers.tolist(), sizes.tolist(), strict=True))
    if told != found:
        odd = next(iter(set(told) ^ set(found)), told[0] if told else None)
        raise ValueError(f"the clusters disagree with the labels, first about cluster {odd and odd[0]}")


def _check_nesting(clustering: Clustering) -> None:
    nesting, groups = clustering.nesting, len(clustering.nesting.parent)
    _expect_shape("nesting.node", nesting.node, (groups,))
    _expect_range("nesting.node", nesting.node, -1, 2 * len(clustering.linkage))
    _expect_shape("nesting.group", nesting.group, (len(clustering.units),))
    _expect_range("nesting.group", nesting.group, -1, groups - 1)
    _expect_shape("group_cluster", clustering.group_cluster, (groups,))
    drawn = {
        number: size
        for number, size in zip(clustering.group_cluster.tolist(), nesting.sizes.tolist(), strict=True)
        if number != -1
    }
    if drawn != {cluster.number: cluster.units for cluster in clustering.clusters}:
        raise ValueError("the clusters are not all among the groups, each with its own units")


def _check_placement(clustering: Clustering) -> None:
    units, placement = len(clustering.units), clustering.placement
    _expect_shape("positions", placement.positions, (units, 2))
    _expect_shape("cells", placement.cells, (units, 2))
    if not np.isfinite(placement.positions).all():
        raise ValueError("a position is not finite")
    if min(placement.shape) < 1 or math.prod(placement.shape) > CELLS_PER_UNIT * units + FEW_CELLS:
        raise ValueError(
            f"the image has {placement.shape[0]} x {placement.shape[1]} cells for {units} units, expected at "
            f"most {CELLS_PER_UNIT} for each"
        )
    for axis, cells in enumerate(placement.shape):
        _expect_range("cells", placement.cells[:, axis], 0, cells - 1)
    if len(np.unique(placement.cells, axis=0)) != units:
        raise ValueError("two units stand in one cell")


def _expect_shape(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")


def _expect_range(name: str, array: npt.NDArray[np.int32], least: int, most: int) -> None:
    if len(array) and (array.min() < least or array.max() > most):
        raise ValueError(f"{name} run from {array.min()} to {array.max()}, expected {least} to {most}")
