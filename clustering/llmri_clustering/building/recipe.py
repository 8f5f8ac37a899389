"""How samples become clusters: the same way for the real ones, their halves and their permutations."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.agglomeration import ClusterTree, cut, linkage, linkage_from_samples
from llmri_clustering.building.options import BuildOptions


@dataclass(frozen=True)
class ClusterRecipe:
    """Linkage and cut by some options; called with samples it gives labels.

    Attributes:
        options: How.
    """

    options: BuildOptions

    def __call__(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """Cluster samples `[samples, units]`; give the label of each unit, `[units]`, -1 in none."""
        return self.labels(ClusterTree.from_linkage(self.linkage(self.measured(samples))))

    def measured(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what the Pearson correlation is taken of: the samples, or for Spearman's their ranks."""
        if self.options.measure == "pearson":
            return samples
        # Named in full, scipy.stats is imported when first used: it takes most of a second.
        ranks: npt.NDArray[np.float32] = scipy.stats.rankdata(samples, axis=0).astype(np.float32)
        return ranks

    def linkage(
        self,
        measured: npt.NDArray[np.float32],
        correlation: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Link what `measured` gave, or a known correlation `[units, units]` instead."""
        method, distance = self.options.method, self.options.distance
        if correlation is None:
            return linkage_from_samples(measured, method=method, distance=distance)
        return linkage(correlation, method=method, distance=distance)

    def labels(self, tree: ClusterTree) -> npt.NDArray[np.int32]:
        """Cut a dendrogram."""
        if self.options.number is not None:
            return cut(tree, number=self.options.number)
        return cut(tree, sizes=self.options.sizes_for(tree.units))
