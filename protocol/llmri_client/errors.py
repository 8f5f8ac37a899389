"""How a connection to a server fails, where the system has no word for it."""

from llmri_protocol.messages import Error


class RefusedError(RuntimeError):
    """The server answered with an error; `code` is its word for programs."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.code = error.code


class ConnectionEndedError(ConnectionError):
    """The server is gone, or broke the protocol."""
