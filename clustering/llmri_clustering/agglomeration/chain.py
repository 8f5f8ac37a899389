"""Average linkage of clusters by the nearest-neighbour chain (Murtagh 1985), on a matrix of similarities.

fastcluster's chain takes units only; here a cluster counts as many units as it has.
"""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.agglomeration.centroids import Centroids
from llmri_clustering.agglomeration.merges import Merges
from llmri_clustering.agglomeration.neighbourhood import neighbourhood_order

ROWS = 512  # of similarities at a time
PAD = 16  # columns: a column of a matrix whose rows are a power of two long falls on few lines of the cache


def merge_by_chain(clusters: Centroids, merges: Merges) -> None:
    """Merge until one cluster is left.

    This holds `[clusters, clusters]` similarities in float32.

    Args:
        clusters: Those to merge.
        merges: Where to note the merges.
    """
    if len(clusters) < 2:  # noqa: PLR2004
        return
    ordered = clusters[neighbourhood_order(single(clusters.means), signed=True)]
    _Chain(ordered, merges).run()


def similarities(means: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the similarity of any two clusters, `[clusters, clusters]`, and -inf with themselves.

    It is symmetric to the last bit: otherwise rounding might lead a chain round in a circle.
    """
    count = len(means)
    found = np.empty((count, count + PAD), dtype=np.float32)[:, :count]
    for first in range(0, count, ROWS):
        rows = slice(first, first + ROWS)
        block = means[rows] @ means[first:].T
        square = block[:, :ROWS]
        np.maximum(square, square.T.copy(), out=square)
        found[rows, first:] = block
        found[first:, rows] = block.T
    np.fill_diagonal(found, -np.inf)
    return found


class _Chain:
    def __init__(self, clusters: Centroids, merges: Merges) -> None:
        self._merges = merges
        self._sizes: list[float] = clusters.sizes.tolist()
        self._nodes: list[int] = clusters.nodes.tolist()
        count = len(clusters)
        self._similarity = similarities(single(clusters.means))
        self._gone = np.zeros(count, dtype=np.float32)  # added to a row: -inf for what is merged
        self._chain: list[int] = []

    def run(self) -> None:
        for left in range(len(self._nodes), 1, -1):
            if 2 * left <= len(self._nodes):
                self._compact()
            self._grow()
            self._merge(self._chain.pop(), self._chain.pop())

    def _grow(self) -> None:
        """Go from a cluster to its nearest, until two are each other's."""
        if not self._chain:
            self._chain.append(int(self._gone.argmax()))
        row = np.empty_like(self._gone)
        while True:
            last = self._chain[-1]
            np.add(self._similarity[last], self._gone, out=row)
            nearest = int(row.argmax())
            if len(self._chain) > 1 and row[self._chain[-2]] >= row[nearest]:
                return
            self._chain.append(nearest)

    def _merge(self, first: int, second: int) -> None:
        similarity, sizes = self._similarity, self._sizes
        height = max(0.0, 1 - float(similarity[first, second]))
        (node,) = self._merges.add([self._nodes[first]], [self._nodes[second]], np.array([height]))
        size = sizes[first] + sizes[second]
        merged = similarity[first] * np.float32(sizes[first] / size)
        merged += similarity[second] * np.float32(sizes[second] / size)
        merged[first] = -np.inf
        similarity[first] = merged
        similarity[:, first] = merged
        self._gone[second] = -np.inf
        sizes[first], self._nodes[first] = size, int(node)

    def _compact(self) -> None:
        """Leave out what is merged, in the memory that there is."""
        left = np.flatnonzero(self._gone == 0)
        memory = self._similarity
        for to, row in enumerate(left):
            memory[to, : len(left)] = memory[row, left]
        self._similarity = memory[: len(left), : len(left)]
        name = {cluster: number for number, cluster in enumerate(left.tolist())}
        self._chain = [name[cluster] for cluster in self._chain]
        self._sizes = [self._sizes[cluster] for cluster in left.tolist()]
        self._nodes = [self._nodes[cluster] for cluster in left.tolist()]
        self._gone = np.zeros(len(left), dtype=np.float32)
