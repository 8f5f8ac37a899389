"""Clusters as the means of their standardised units, in which average linkage on 1 - r needs no distances.

The correlation of two standardised units is their scalar product, and the mean of such products over all
pairs between two clusters is the product of the clusters' means. So the distance of average linkage between
them is 1 minus that, whatever their sizes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.agglomeration.merges import Merges

Numbers = npt.NDArray[np.intp] | npt.NDArray[np.int32]

PAIRS = 512  # multiplied at a time: their means stay in the cache


@dataclass(eq=False)
class Centroids:
    """Clusters that are not merged yet.

    Attributes:
        means: Of their standardised units, `[clusters, samples]`, in float32 or half that.
        sizes: Numbers of their units, `[clusters]`.
        nodes: Of the dendrogram, `[clusters]`.
    """

    means: npt.NDArray[np.floating]
    sizes: npt.NDArray[np.float64]
    nodes: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.means)

    def __getitem__(self, chosen: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Centroids":
        """Return some of the clusters, by number or by mask."""
        return Centroids(self.means[chosen], self.sizes[chosen], self.nodes[chosen])

    def shares(
        self, first: Numbers, second: Numbers
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what part of the units of two clusters together is in each, `[pairs]`."""
        share = self.sizes[first] / (self.sizes[first] + self.sizes[second])
        return share.astype(np.float32), (1 - share).astype(np.float32)

    def similarity(self, first: Numbers, second: Numbers) -> npt.NDArray[np.float32]:
        """Return the mean correlation between the units of two clusters, `[pairs]`."""
        found = np.empty(len(first), dtype=np.float32)
        for at in range(0, len(first), PAIRS):
            here = slice(at, at + PAIRS)
            one, other = single(self.means[first[here]]), single(self.means[second[here]])
            np.einsum("ij,ij->i", one, other, out=found[here])
        return found

    def merge(
        self,
        first: Numbers,
        second: Numbers,
        similarity: npt.NDArray[np.float32],
        merges: Merges,
    ) -> None:
        """Let each `first` take in its `second`, which is left as it was; none occurs twice."""
        heights = np.maximum(1 - similarity.astype(np.float64), 0)
        self.nodes[first] = merges.add(self.nodes[first], self.nodes[second], heights)
        of_first, of_second = self.shares(first, second)
        for at in range(0, len(first), PAIRS):
            here = slice(at, at + PAIRS)
            one, other = first[here], second[here]
            mean = of_first[here, None] * self.means[one] + of_second[here, None] * self.means[other]
            self.means[one] = mean
        self.sizes[first] += self.sizes[second]
