"""Units whose ablation breaks a model: how they are found, and what is refused."""

from llmri_server.protection.examination import Examination
from llmri_server.protection.finding import each_once, examine, known, protect
from llmri_server.protection.refusal import (
    ProtectedError,
    may_take_away,
    refuse_ablations,
    refused,
    standing_in_words,
)

__all__ = [
    "Examination",
    "ProtectedError",
    "each_once",
    "examine",
    "known",
    "may_take_away",
    "protect",
    "refuse_ablations",
    "refused",
    "standing_in_words",
]
