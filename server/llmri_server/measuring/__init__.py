"""What edits, units and layers do, measured: influence, attribution, comparison, the logit lens."""

from llmri_server.measuring.checked_attribution import CheckedAttribution, attribution
from llmri_server.measuring.influence_map import InfluenceMap, influence
from llmri_server.measuring.lens import logit_lens
from llmri_server.measuring.progress import Progress
from llmri_server.measuring.replies import NoRoomError, RepliesCompared, comparison

__all__ = [
    "CheckedAttribution",
    "InfluenceMap",
    "NoRoomError",
    "Progress",
    "RepliesCompared",
    "attribution",
    "comparison",
    "influence",
    "logit_lens",
]
