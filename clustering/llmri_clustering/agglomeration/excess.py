"""Which subtrees of a dendrogram stand out most: the selection by excess of mass."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.tree import ClusterTree


def standing_out(tree: ClusterTree, least: int, most: int) -> npt.NDArray[np.intp]:
    """Return the disjoint nodes of `least` to `most` units with the greatest sum of masses, ascending.

    The mass of a node is how long its units stay together while the distance falls, summed over them: from
    the merge above it down to where it splits into two groups of at least `least` units, or down to its
    last merge; units in a lesser part leave where that part joins. This is the excess of mass (Müller and
    Sawitzki 1991) by which HDBSCAN selects clusters (Campello, Moulavi and Sander 2013), with the distance
    itself in the place of 1 / distance. A unit alone has no mass, and of equals the larger node is taken.

    Args:
        tree: The dendrogram.
        least: The fewest units of a cluster, at least 1.
        most: The most.
    """
    sizes, distances = tree.sizes.tolist(), tree.distances.tolist()
    above = [distances[parent] for parent in tree.parent.tolist()]  # the root's -1 is the root itself
    mass, greatest = [0.0] * len(sizes), [0.0] * len(sizes)
    taken = [least == 1] * tree.units + [False] * len(tree.children)
    for node, (one, other) in enumerate(tree.children.tolist(), start=tree.units):
        if sizes[node] < least:
            continue
        mass[node] = sizes[node] * (above[node] - distances[node])
        if (sizes[one] < least) != (sizes[other] < least):
            mass[node] += mass[one] + mass[other]  # the lesser part has none
        greatest[node] = greatest[one] + greatest[other]
        if sizes[node] <= most and mass[node] >= greatest[node]:
            greatest[node], taken[node] = mass[node], True
    return _highest(tree, taken)


def _highest(tree: ClusterTree, taken: list[bool]) -> npt.NDArray[np.intp]:
    """Return the nodes that are taken and below none that is, ascending."""
    found, waiting = [], [tree.root]
    while waiting:
        node = waiting.pop()
        if taken[node]:
            found.append(node)
        elif node >= tree.units:
            waiting += tree.children[node - tree.units].tolist()
    return np.array(sorted(found), dtype=np.intp)
