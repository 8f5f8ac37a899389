"""Which units belong together: distances, linkage, the dendrogram, its cuts, and groups within groups."""

from llmri_clustering.agglomeration.agreement import adjusted_rand, agreement_with_exact
from llmri_clustering.agglomeration.cut import cut
from llmri_clustering.agglomeration.linkage import linkage, linkage_from_samples
from llmri_clustering.agglomeration.nest import groups_of_clusters, nest
from llmri_clustering.agglomeration.subtrees import nodes_of_clusters
from llmri_clustering.agglomeration.tree import ClusterTree

__all__ = [
    "ClusterTree",
    "adjusted_rand",
    "agreement_with_exact",
    "cut",
    "groups_of_clusters",
    "linkage",
    "linkage_from_samples",
    "nest",
    "nodes_of_clusters",
]
