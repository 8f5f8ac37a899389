"""What edits mean, without a model: whether they fit, which one wins, and their history."""

from llmri_server.edits.journal import Journal, JournalState
from llmri_server.edits.resolution import Place, Resolved, latest, resolve
from llmri_server.edits.validation import check

__all__ = ["Journal", "JournalState", "Place", "Resolved", "check", "latest", "resolve"]
