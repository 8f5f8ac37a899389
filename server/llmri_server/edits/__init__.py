"""What edits mean, without a model: whether they fit, which one wins, and their history."""

from llmri_server.edits.journal import Journal, JournalState, OvertakenError, Proposal
from llmri_server.edits.normalising import normalised, plain_edits
from llmri_server.edits.resampling import sample_numbers
from llmri_server.edits.resolution import Place, PlaceEdits, Resolved, latest, resolve
from llmri_server.edits.validation import check

__all__ = [
    "Journal",
    "JournalState",
    "OvertakenError",
    "Place",
    "PlaceEdits",
    "Proposal",
    "Resolved",
    "check",
    "latest",
    "normalised",
    "plain_edits",
    "resolve",
    "sample_numbers",
]
