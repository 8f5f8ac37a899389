"""A clustering as one file."""

from llmri_clustering.files.errors import ClusterFileError
from llmri_clustering.files.evidence import load_evidence, save_evidence
from llmri_clustering.files.loading import load
from llmri_clustering.files.mapping import map_samples
from llmri_clustering.files.saving import save

__all__ = ["ClusterFileError", "load", "load_evidence", "map_samples", "save", "save_evidence"]
