"""Clusters keep their numbers over a rebuild."""

from itertools import count, islice

import numpy as np
import numpy.typing as npt
import scipy  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.units import UnitSet

LEAST_OVERLAP = 0.5  # of the units of both together; above it a cluster has one match at most


def stable_numbers(labels: npt.NDArray[np.int32], previous: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Renumber clusters so that those that were there before keep their numbers.

    Two clusters are the same where they share at least half of the units that either has (Jaccard 1912).
    Of all such matchings the one with the most overlap in total is taken (Kuhn 1955). Every other cluster
    gets the lowest number that no earlier cluster had, in the order of their labels: a number, and so a
    colour, never passes to a different cluster.

    Args:
        labels: Cluster of each unit, `[units]`; -1 in none.
        previous: Numbers of the clusters of the same units before, `[units]`; -1 in none.

    Returns:
        The clusters' numbers, `[units]`; -1 where `labels` is.

    Raises:
        ValueError: The two are of different numbers of units.
    """
    if len(labels) != len(previous):
        raise ValueError(f"both must label the same units, not {len(labels)} and {len(previous)}")
    found, size = np.unique(labels[labels >= 0], return_counts=True)
    known, size_before = np.unique(previous[previous >= 0], return_counts=True)
    both = (labels >= 0) & (previous >= 0)
    shared = np.zeros((len(found), len(known)))
    np.add.at(shared, (np.searchsorted(found, labels[both]), np.searchsorted(known, previous[both])), 1)
    overlap = shared / (size[:, None] + size_before - shared)
    overlap[overlap < LEAST_OVERLAP] = 0

    numbers = np.full(len(found), -1, dtype=np.int32)
    # Named in full, scipy.optimize is imported when first used: it takes a third of a second.
    rows, columns = scipy.optimize.linear_sum_assignment(overlap, maximize=True)
    same = overlap[rows, columns] > 0
    numbers[rows[same]] = known[columns[same]]
    fresh = (number for number in count() if number not in set(known.tolist()))
    numbers[numbers < 0] = list(islice(fresh, int((numbers < 0).sum())))
    renumbered = np.full(len(labels), -1, dtype=np.int32)
    inside = labels >= 0
    renumbered[inside] = numbers[np.searchsorted(found, labels[inside])]
    return renumbered


def carried_labels(
    units: UnitSet, previous_units: UnitSet, previous: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Return each unit the number of the cluster it was in before, `[units]`.

    -1 where it was in none or was not there. Units of another site are other units.
    """
    if units.site != previous_units.site:
        return np.full(len(units), -1, dtype=np.int32)
    places = zip(previous_units.layer.tolist(), previous_units.index.tolist(), strict=True)
    number = dict(zip(places, previous.tolist(), strict=True))
    wanted = zip(units.layer.tolist(), units.index.tolist(), strict=True)
    return np.array([number.get(place, -1) for place in wanted], dtype=np.int32)
