"""What both ends of a connection have in common: bytes become events, and the states are followed."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from llmri_protocol.errors import LocalProtocolError, RemoteProtocolError
from llmri_protocol.fields import Dialect, State
from llmri_protocol.frames import WINDOW, Buffer, FrameReceiver
from llmri_protocol.messages import Message, Role, Sender, type_of
from llmri_protocol.states import after, allowed

Incoming = TypeVar("Incoming")

ENDED: frozenset[State] = frozenset({"closing", "closed"})


class Endpoint(ABC, Generic[Incoming]):
    """What both ends have in common."""

    side: Sender
    after_fatal: State

    def __init__(self, limit: int, dialect: Dialect) -> None:
        self.state: State = "hello"
        self.dialect: Dialect = dialect
        self.role: Role | None = None
        self._frames = FrameReceiver(limit)
        self._discarded = memoryview(b"")

    @property
    def ended(self) -> bool:
        """Whether nothing that arrives matters any more."""
        return self.state in ENDED

    def buffer(self) -> memoryview:
        """Return the memory to receive the next bytes into, never empty."""
        if not self.ended:
            return self._frames.buffer()
        self._discarded = self._discarded or memoryview(bytearray(WINDOW))
        return self._discarded

    def advance(self, count: int) -> list[Incoming | RemoteProtocolError]:
        """Take note of `count` bytes received into `buffer()`; give what they completed.

        Raises:
            ValueError: More bytes are reported than there was room for.
        """
        if self.ended:
            return []
        bodies = self._frames.advance(count)
        return self._events(bodies) if bodies or self._frames.broken else []

    def feed(self, data: Buffer) -> list[Incoming | RemoteProtocolError]:
        """Take bytes that were received elsewhere; give what they completed."""
        return [] if self.ended else self._events(self._frames.feed(data))

    def _events(self, bodies: list[memoryview]) -> list[Incoming | RemoteProtocolError]:
        events: list[Incoming | RemoteProtocolError] = []
        for body in bodies:
            try:
                event = self._receive(body)
                if event is not None:
                    events.append(event)
            except RemoteProtocolError as error:
                events.append(error)
                if error.fatal:
                    self.state = self.after_fatal
            if self.ended:
                return events
        if self._frames.broken:
            events.append(self._frames.broken)
            self.state = self.after_fatal
        return events

    @abstractmethod
    def _receive(self, body: memoryview) -> Incoming | None:
        """Return a body's message or None, and follow the states; raises the peer's error."""

    def _follow(self, message: Message) -> None:
        # Written only where it changes: the thread that receives may just have ended the connection.
        state = self.state
        following = after(state, type(message))
        if following != state:
            self.state = following

    def _check_outgoing(self, message: Message) -> None:
        if type(message) not in allowed(self.dialect, self.state, self.side):
            raise LocalProtocolError(
                f"a {self.side} may not send `{type_of(message)}` in state `{self.state}`, "
                f"dialect {self.dialect}"
            )

    def _check_incoming(self, message: Message, sender: Sender) -> None:
        if type(message) not in allowed(self.dialect, self.state, sender):
            raise RemoteProtocolError(
                "unexpected",
                f"`{type_of(message)}` came in state `{self.state}`, where a {sender} may not send it",
                id=getattr(message, "id", None),
            )
