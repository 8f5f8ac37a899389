"""From scans as they arrive to samples: which count, what was left out, and the text around them."""

from llmri_clustering.collecting.collection import SAMPLES_KEPT, Collection
from llmri_clustering.collecting.half_samples import HalfSamples, PrecisionError, scans_within
from llmri_clustering.collecting.kept import Kept, KeptScans
from llmri_clustering.collecting.tally import Tally, plural
from llmri_clustering.collecting.transcript import Transcript

__all__ = [
    "SAMPLES_KEPT",
    "Collection",
    "HalfSamples",
    "Kept",
    "KeptScans",
    "PrecisionError",
    "Tally",
    "Transcript",
    "plural",
    "scans_within",
]
