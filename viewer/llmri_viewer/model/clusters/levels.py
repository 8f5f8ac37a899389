"""Which levels of a nesting are drawn: a circle around two circles says little, and wastes much room."""

from dataclasses import replace

import numpy as np

from llmri_clustering.clusters import Clustering
from llmri_clustering.nesting import Nesting

FEWEST = 3  # groups in a group that is drawn: two circles fill half of the one around them at most


def worth_drawing(clustering: Clustering) -> Clustering:
    """Return the clustering with fewer levels above its clusters, to be packed; the clusters all stay groups.

    Where a group holds fewer than three groups, the levels among them are left out, and what they hold is
    the group's own; again, until it holds three or nothing but clusters.
    """
    nesting = clustering.nesting
    parent = nesting.parent.tolist()
    level: list[bool] = []  # whether it is neither a cluster nor in one
    for own, above in zip(clustering.group_cluster.tolist(), parent, strict=True):
        level.append(own < 0 and (above < 0 or level[above]))
    around, kept = _flattened(parent, level)
    place = np.full(len(nesting.parent) + 1, -1, np.int32)  # the last stands for -1, in no group
    place[kept] = np.arange(len(kept))
    place[:-1] = place[around]
    drawn = Nesting(place[nesting.parent[kept]], place[nesting.group], nesting.node[kept])
    return replace(clustering, nesting=drawn, group_cluster=clustering.group_cluster[kept])


def _flattened(parent: list[int], level: list[bool]) -> tuple[list[int], list[int]]:
    """For each group the one that is drawn for it, itself or one around it, and those that are drawn."""
    children: list[list[int]] = [[] for _ in parent]
    for group, above in enumerate(parent[1:], 1):
        children[above].append(group)
    around = list(range(len(parent)))
    for group in range(len(parent)):  # a parent comes before its children
        around[group] = around[around[group]]
        if around[group] != group or not level[group]:
            continue
        held = children[group]
        while len(held) < FEWEST and any(level[at] for at in held):
            for at in held:
                around[at] = group if level[at] else at
            held = [inner for at in held for inner in (children[at] if level[at] else [at])]
    return around, [group for group, drawn in enumerate(around) if drawn == group]
