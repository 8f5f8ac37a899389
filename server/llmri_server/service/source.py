"""What a server serves: who is let in, what a client may ask, and where everything is announced."""

from collections.abc import Callable
from typing import Protocol

from llmri_server.broadcast.hub import Hub
from llmri_server.service.handlers import Handlers
from llmri_server.service.subscriptions import Subscriptions


class Source(Protocol):
    """What a server serves: a model (`ModelSource`), or messages from elsewhere (`MessageSource`)."""

    @property
    def hub(self) -> Hub:
        """Where everything is announced."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """Let clients in and out."""
        ...

    @property
    def handlers(self) -> Handlers:
        """Carry out what clients ask; every command has one."""
        ...

    def start(self, failed: Callable[[str], None]) -> None:
        """Begin, when clients may come; `failed` is called with why where it cannot go on."""
        ...

    def stop(self) -> bool:
        """End what goes on and is nobody's own, such as a reply; was there anything?"""
        ...

    def close(self, grace: float) -> bool:
        """End within so many seconds; give whether it has."""
        ...
