"""Which units fire together: running correlation, and how much of it a unit has."""

from llmri_clustering.correlation.partners import Partners, strongest_pairs, strongest_partners
from llmri_clustering.correlation.ranks import spearman
from llmri_clustering.correlation.running import RunningCorrelation, decay_of
from llmri_clustering.correlation.sampled_partners import partners_of_samples
from llmri_clustering.correlation.strength import co_activation_strength

__all__ = [
    "Partners",
    "RunningCorrelation",
    "co_activation_strength",
    "decay_of",
    "partners_of_samples",
    "spearman",
    "strongest_pairs",
    "strongest_partners",
]
