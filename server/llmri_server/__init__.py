"""The model server: runtimes, capture, edits, generation, and the sockets they are served on."""

from llmri_server.network.access import ServeError
from llmri_server.runtime import CapturePlan, EditError, LoadError, Runtime, Sampling
from llmri_server.server import Server
from llmri_server.service.turns import PendingTurn
from llmri_server.settings import Settings

__all__ = [
    "CapturePlan",
    "EditError",
    "LoadError",
    "PendingTurn",
    "Runtime",
    "Sampling",
    "ServeError",
    "Server",
    "Settings",
]
