"""What a build is put together from: options, the recipe, findings of each cluster, and cautions."""

from llmri_clustering.building.cautions import cautions
from llmri_clustering.building.findings import Findings
from llmri_clustering.building.known import KnownEvidence
from llmri_clustering.building.options import BuildOptions
from llmri_clustering.building.recipe import ClusterRecipe

__all__ = ["BuildOptions", "ClusterRecipe", "Findings", "KnownEvidence", "cautions"]
