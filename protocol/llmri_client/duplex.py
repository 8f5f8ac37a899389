"""One connection that reads in one thread and writes in another, from `hello` to its end."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable

from llmri_client.streams import Stream
from llmri_protocol.connection import ClientConnection, FromServer
from llmri_protocol.errors import PASSING, LocalProtocolError, RemoteProtocolError
from llmri_protocol.messages import Bye, Error, Notice, Role, ServerMessage, Welcome
from llmri_protocol.messages import Command as Request

PASSED_OVER = "the server is newer than this program, which passes over {what}; update llmri to see it"

Outbox = queue.SimpleQueue[Request | None]


class HopelessError(Exception):
    """The server will not have us, or speaks another language; trying again would not help."""


class PutOffError(Exception):
    """The server will not have us now, and may have us later."""


class DuplexConnection:
    """Says hello, gives every message to `take`, and sends what comes out of `outbox`.

    Args:
        stream: Connected.
        deadline: When the welcome must have come, on the monotonic clock.
        limit: Longest body in bytes that the server may send.
        client: Who calls.
        role: What to ask for.
        token: The server's access token, where it has one.
        take: Is called with each message, in order, in the thread that calls `run`; it may wait.
        outbox: Requests to send once welcomed; None ends the sending.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        deadline: float,
        limit: int,
        client: str,
        role: Role,
        token: str | None,
        take: Callable[[ServerMessage], None],
        outbox: Outbox,
    ) -> None:
        self.welcomed = False
        self._stream = stream
        self._deadline = deadline
        self._connection = ClientConnection(limit)
        self._greeting = self._connection.hello(client, role, token)
        self._take = take
        self._outbox = outbox
        self._told = 0  # how many things that are not known here were told of
        self._writer = threading.Thread(target=self._write, name="llmri link writer", daemon=True)

    def run(self) -> str:
        """Read until the connection ends, and tell why it did.

        Raises:
            HopelessError: The server said no, or broke the protocol.
            PutOffError: The server said not now.
            OSError: The connection broke, or no answer came in time (TimeoutError).
        """
        try:
            self._greet()
            while count := self._wait():
                ended = self._receive_all(self._connection.advance(count))
                self._tell_skipped()
                if ended:
                    return ended
            return "the server closed the connection"
        finally:
            self._hang_up()

    def _greet(self) -> None:
        try:
            for buffer in self._greeting:
                self._stream.sendall(buffer)
        except ConnectionError:
            return  # who refuses us may be quicker, and what it said is there to be read

    def _wait(self) -> int:
        """Receive; until the welcome all pieces together have the time that one has."""
        if not self.welcomed:
            self._stream.settimeout(max(0.001, self._deadline - time.monotonic()))
        return self._stream.recv_into(self._connection.buffer())

    def _receive_all(self, events: Iterable[FromServer]) -> str | None:
        return next((ended for event in events if (ended := self._receive(event))), None)

    def _receive(self, event: FromServer) -> str | None:
        """Take one event; give the reason if the connection is to end."""
        if isinstance(event, RemoteProtocolError):
            if event.fatal:
                raise HopelessError(f"the server cannot be understood: {event.message}")
            self._take(Notice(level="warning", message=f"the server sent something odd: {event.message}"))
            return None
        if isinstance(event, Error) and not self.welcomed:
            kind = PutOffError if event.code in PASSING else HopelessError
            raise kind(f"the server refused: {event.message}")
        if isinstance(event, Bye):
            return f"the server said goodbye: {event.reason}"
        if isinstance(event, Welcome):
            self.welcomed = True
            self._stream.settimeout(None)
            self._writer.start()
        self._take(event)
        return None

    def _tell_skipped(self) -> None:
        """Say once of each thing that is not known here that it is passed over."""
        skipped = self._connection.skipped
        for what in list(skipped)[self._told :]:
            self._take(Notice(level="warning", message=PASSED_OVER.format(what=what)))
        self._told = len(skipped)

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
