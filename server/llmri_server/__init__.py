"""The model server: runtimes, capture, edits, generation, and the sockets they are served on."""

from llmri_server.access import ServeError
from llmri_server.runtime import CapturePlan, EditError, LoadError, Runtime, Sampling
from llmri_server.server import Server
from llmri_server.settings import Settings
from llmri_server.turns import Turn

__all__ = [
    "CapturePlan",
    "EditError",
    "LoadError",
    "Runtime",
    "Sampling",
    "ServeError",
    "Server",
    "Settings",
    "Turn",
]
