"""Units whose ablation breaks a model: how they are found, and what is refused."""

from llmri_server.protection.finding import protect
from llmri_server.protection.refusal import ProtectedError, refuse_ablations

__all__ = ["ProtectedError", "protect", "refuse_ablations"]
