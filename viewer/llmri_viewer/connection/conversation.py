"""One connection to a server, from `hello` to its end."""

import queue
import socket
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Protocol

from llmri_protocol.connection import ClientConnection, FromServer
from llmri_protocol.errors import LocalProtocolError, RemoteProtocolError
from llmri_protocol.frames import Buffer
from llmri_protocol.messages import Bye, Error, Notice, Role, ServerMessage, Welcome
from llmri_protocol.messages import Command as Request

Outbox = queue.SimpleQueue[Request | None]


class Stream(Protocol):
    """What a conversation calls of a connected socket: a `socket.socket` in the clear, or a `TlsStream`."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive, give the count, 0 at the end."""
        ...

    def sendall(self, data: Buffer, /) -> None:
        """Send all of it, while another thread may receive."""
        ...

    def settimeout(self, value: float | None, /) -> None:
        """Set how many seconds to wait; None waits for ever."""
        ...

    def shutdown(self, how: int, /) -> None:
        """End the connection; who waits in it wakes."""
        ...

    def close(self) -> None:
        """Give it back to the system."""
        ...


class RefusedError(Exception):
    """The server will not have us, or speaks another language; trying again would not help."""


class Conversation:
    """Says hello, gives every message to `take`, and sends what comes out of `outbox`.

    Args:
        stream: Connected, with a time-out that holds until the welcome.
        limit: Longest body in bytes that the server may send.
        role: What to ask for.
        token: The server's access token, where it has one.
        take: Is called with each message, in order, in the thread that calls `run`; it may wait.
        outbox: Requests to send once welcomed; None ends the sending.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        limit: int,
        role: Role,
        token: str | None,
        take: Callable[[ServerMessage], None],
        outbox: Outbox,
    ) -> None:
        self.welcomed = False
        self._stream = stream
        self._connection = ClientConnection(limit)
        self._greeting = self._connection.hello(f"llmri view {version('llmri')}", role, token)
        self._take = take
        self._outbox = outbox
        self._writer = threading.Thread(target=self._write, name="llmri link writer", daemon=True)

    def run(self) -> str:
        """Read until the connection ends, and tell why it did.

        Raises:
            RefusedError: The server said no, or broke the protocol.
            OSError: The connection broke, or no answer came in time (TimeoutError).
        """
        try:
            for buffer in self._greeting:
                self._stream.sendall(buffer)
            while count := self._stream.recv_into(self._connection.buffer()):
                for event in self._connection.advance(count):
                    ended = self._receive(event)
                    if ended:
                        return ended
            return "the server closed the connection"
        finally:
            self._hang_up()

    def _receive(self, event: FromServer) -> str | None:
        """Take one event; give the reason if the connection is to end."""
        if isinstance(event, RemoteProtocolError):
            if event.fatal:
                raise RefusedError(f"the server cannot be understood: {event.message}")
            self._take(Notice(level="warning", message=f"the server sent something odd: {event.message}"))
            return None
        if isinstance(event, Error) and not self.welcomed:
            raise RefusedError(f"the server refused: {event.message}")
        if isinstance(event, Bye):
            return f"the server said goodbye: {event.reason}"
        if isinstance(event, Welcome):
            self.welcomed = True
            self._stream.settimeout(None)
            self._writer.start()
        self._take(event)
        return None

    def _write(self) -> None:
        while (request := self._outbox.get()) is not None:
            try:
                for buffer in self._connection.send(request):
                    self._stream.sendall(buffer)
            except LocalProtocolError as error:
                self._take(Error(code="not_sent", message=f"not sent: {error}", id=request.id))
            except OSError:
                return  # the reader meets the same end and says so

    def _hang_up(self) -> None:
        try:
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._stream.close()  # it was not connected any more
        self._stream.close()
        if self._writer.ident is not None:
            self._outbox.put(None)
            self._writer.join()
