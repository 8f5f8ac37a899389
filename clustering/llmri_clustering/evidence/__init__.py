"""Is a cluster real, what does it answer to, and is it the one that was there before?"""

from llmri_clustering.evidence.activity import activity, activity_of_samples, turn_means
from llmri_clustering.evidence.agreement import cluster_agreement
from llmri_clustering.evidence.identity import carried_labels, stable_numbers
from llmri_clustering.evidence.null import Null, Permutation, PermutedSearch, null_of, shifted
from llmri_clustering.evidence.quality import Quality, quality_of_correlation, quality_of_samples
from llmri_clustering.evidence.selectivity import (
    compare_turns,
    hedges_g,
    rank_by_selectivity,
    selectivity_by_group,
)
from llmri_clustering.evidence.stability import Recipe, half_agreements, half_samples, stability
from llmri_clustering.evidence.standard import Standard
from llmri_clustering.evidence.strongest import strongest_tokens, strongest_turns

__all__ = [
    "Null",
    "Permutation",
    "PermutedSearch",
    "Quality",
    "Recipe",
    "Standard",
    "activity",
    "activity_of_samples",
    "carried_labels",
    "cluster_agreement",
    "compare_turns",
    "half_agreements",
    "half_samples",
    "hedges_g",
    "null_of",
    "quality_of_correlation",
    "quality_of_samples",
    "rank_by_selectivity",
    "selectivity_by_group",
    "shifted",
    "stability",
    "stable_numbers",
    "strongest_tokens",
    "strongest_turns",
    "turn_means",
]
