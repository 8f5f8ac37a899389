"""What arrives on a connection, in order, and what it says of the server; no I/O."""

from collections import deque
from collections.abc import Iterable
from typing import cast

import msgspec

from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_protocol.connection import ClientConnection, FromServer
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.frames import SERVER_LIMIT, Buffer
from llmri_protocol.messages import Bye, Card, ClientMessage, Error, Notice, ServerMessage, Welcome
from llmri_protocol.protection import phase_of


class Arrivals:
    """The messages of one connection that nobody has taken yet.

    Args:
        limit: Longest body in bytes that the server may send.

    Attributes:
        connection: Turns bytes into what `add` takes.
        welcome: What the server said of itself, once `greeted` was called; its card is the newest.
        searching: Whether the server still looks for protected units, as far as it has said so.
    """

    welcome: Welcome

    def __init__(self, limit: int = SERVER_LIMIT) -> None:
        self.connection = ClientConnection(limit)
        self.searching = False
        self._waiting: deque[FromServer] = deque()

    def add(self, events: Iterable[FromServer]) -> None:
        """Let events wait to be taken."""
        self._waiting += events

    def buffers(self, message: ClientMessage) -> list[Buffer]:
        """Return what to send for a message.

        Raises:
            LocalProtocolError: It may not be sent in this role, or is longer than the server takes.
            ConnectionEndedError: The server has said goodbye, though nobody may have read that yet.
        """
        if self.connection.ended:
            why = next((f": {event.reason}" for event in self._waiting if isinstance(event, Bye)), "")
            raise ConnectionEndedError(f"the server has ended the connection{why}")
        return self.connection.send(message)

    def take(self) -> ServerMessage | None:
        """Return the next message, None where more must arrive first.

        Raises:
            ConnectionEndedError: The server broke the protocol.
        """
        if not self._waiting:
            return None
        event = self._waiting.popleft()
        if isinstance(event, RemoteProtocolError):
            raise ConnectionEndedError(f"the server broke the protocol: {event}")
        if isinstance(event, Notice):
            phase = phase_of(event)
            self.searching = phase == "searching" if phase else self.searching
        elif isinstance(event, Card):
            self.welcome = msgspec.structs.replace(self.welcome, card=event.card)
        return event

    def greeted(self, first: ServerMessage) -> None:
        """Take the answer to `hello`.

        Raises:
            RefusedError: The server does not let us in.
            ConnectionEndedError: It leaves.
        """
        if isinstance(first, Error):
            raise RefusedError(first)
        if isinstance(first, Bye):
            raise ConnectionEndedError(f"the server said goodbye: {first.reason}")
        self.welcome = cast("Welcome", first)  # the states allow nothing else here
