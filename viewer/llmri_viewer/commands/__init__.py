"""Everything a person can ask of the viewer, as values."""

from llmri_viewer.commands.base import Command, Step, update
from llmri_viewer.commands.names import GESTURES, NAMED, Gesture

__all__ = ["GESTURES", "NAMED", "Command", "Gesture", "Step", "update"]
