"""Units that fire together stand together: the Hebbian layout, and its image."""

from llmri_clustering.layout.alignment import align, drift
from llmri_clustering.layout.hebbian import hebbian_layout
from llmri_clustering.layout.neighbours import nearest_by_correlation
from llmri_clustering.layout.quality import neighbour_overlap, trustworthiness
from llmri_clustering.layout.snapping import near_square, snap

__all__ = [
    "align",
    "drift",
    "hebbian_layout",
    "near_square",
    "nearest_by_correlation",
    "neighbour_overlap",
    "snap",
    "trustworthiness",
]
