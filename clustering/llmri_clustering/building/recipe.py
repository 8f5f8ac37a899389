"""How samples become clusters: the same way for the real ones, their halves and their permutations."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration import ClusterTree, cut, linkage, linkage_from_samples
from llmri_clustering.building.options import BuildOptions
from llmri_clustering.sources import RankedUnits, SampleSource, source_of

EXACT_LATER = 65536  # clusters left of an estimate, from which on it goes on exactly


@dataclass(frozen=True)
class ClusterRecipe:
    """Linkage and cut by some options; called with samples it gives labels.

    Attributes:
        options: How.
    """

    options: BuildOptions

    def __call__(self, samples: npt.NDArray[np.floating] | SampleSource) -> npt.NDArray[np.int32]:
        """Cluster samples `[samples, units]`; give the label of each unit, `[units]`, -1 in none."""
        return self.labels(ClusterTree.from_linkage(self.linkage(self.measured(samples))))

    def measured(self, samples: npt.NDArray[np.floating] | SampleSource) -> SampleSource:
        """Return what the Pearson correlation is taken of: the samples, or for Spearman's their ranks."""
        source = source_of(samples)
        return source if self.options.measure == "pearson" else RankedUnits(source)

    def linkage(
        self,
        measured: SampleSource,
        correlation: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Link what `measured` gave, or a known correlation `[units, units]` instead."""
        method, distance = self.options.method, self.options.distance
        if correlation is None:
            exact = EXACT_LATER if self.estimates(measured.shape[1]) else None
            return linkage_from_samples(measured, method=method, distance=distance, exact=exact)
        return linkage(correlation, method=method, distance=distance)

    def estimates(self, units: int) -> bool:
        """Tell whether the dendrogram of so many units is an estimate."""
        averaged = self.options.method == "average" and self.options.distance == "1 - r"
        return averaged and units > self.options.exact_units

    def labels(self, tree: ClusterTree) -> npt.NDArray[np.int32]:
        """Cut a dendrogram."""
        if self.options.number is not None:
            return cut(tree, number=self.options.number)
        return cut(tree, sizes=self.options.sizes_for(tree.units))
