"""What edits and units do, measured: influence, attribution, comparison. Any runtime will do."""

from llmri_server.measuring.checked_attribution import CheckedAttribution, attribution
from llmri_server.measuring.influence_map import InfluenceMap, influence
from llmri_server.measuring.replies import RepliesCompared, comparison
from llmri_server.measuring.steps import Progress

__all__ = [
    "CheckedAttribution",
    "InfluenceMap",
    "Progress",
    "RepliesCompared",
    "attribution",
    "comparison",
    "influence",
]
