"""Everything a person can ask of the viewer, as values."""

from llmri_viewer.commands.base import Command, Step, update
from llmri_viewer.commands.names import NAMED

__all__ = ["NAMED", "Command", "Step", "update"]
