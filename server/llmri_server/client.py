"""One connection: its reader thread, and the sender thread that it starts."""

import contextlib
import sys
import threading
import time

from llmri_protocol.connection import ServerConnection
from llmri_protocol.errors import LocalProtocolError, RemoteProtocolError
from llmri_protocol.messages import ClientMessage, Error, Hello, Notice
from llmri_protocol.plain import (
    SILENCE,
    PlainClearInterventions,
    PlainClientMessage,
    PlainIntervention,
    PlainPing,
)
from llmri_server.commands import Caller, Commands
from llmri_server.hub import Member
from llmri_server.outbox import Outbox, Outgoing
from llmri_server.sender import send_all
from llmri_server.transport import Buffers, Transport

HANDSHAKE = 5.0  # seconds that a client has to say who it is
LINGER = 1.0  # seconds that a leaving client has to read its last messages
LONGEST_NAME = 200

PLAIN = (PlainIntervention, PlainClearInterventions, PlainPing)


class Client:
    """Serves one client from its first byte to its last.

    Args:
        number: Tells this connection from every other.
        transport: The connected stream.
        connection: The protocol's state, fresh.
        outbox: What will be sent, empty.
        commands: Let the client in, and carry out what it asks.
    """

    def __init__(
        self,
        number: int,
        transport: Transport,
        connection: ServerConnection,
        outbox: Outbox,
        commands: Commands,
    ) -> None:
        self._number = number
        self._transport = transport
        self._connection = connection
        self._outbox = outbox
        self._commands = commands
        self._caller: Caller | None = None
        self._encoding = threading.Lock()  # receiving and sending both move the connection's state

    def serve(self) -> None:
        """Read and answer until the client leaves or breaks the rules; then clean up."""
        sender = threading.Thread(target=self._send, name=f"llmri-sender-{self._number}", daemon=True)
        sender.start()
        try:
            self._greet()
            self._listen()
        except TimeoutError:
            message = f"no complete `hello` came within {HANDSHAKE:.0f} seconds"
            self._outbox.finish(Error(code="hello_expected", message=message))
        except OSError as error:
            self._outbox.finish()
            if not isinstance(error, ConnectionError):
                print(f"connection {self._number} broke: {error}", file=sys.stderr)  # noqa: T201
        finally:
            if self._caller:
                self._commands.leave(self._caller.member)
            self._part(sender)

    def end(self) -> None:
        """End the connection now; both threads finish."""
        self._transport.end()

    def _greet(self) -> None:
        """Receive until the client is in, or out."""
        deadline = time.monotonic() + HANDSHAKE
        patience = SILENCE
        while not (self._caller or self._connection.ended or self._outbox.finished):
            try:
                if not self._receive(min(patience, deadline - time.monotonic())):
                    return
            except TimeoutError:
                if self._connection.assume_plain():
                    self._enter("plain", self._commands.join_plain(self._outbox))
                elif time.monotonic() >= deadline:
                    raise
            patience = HANDSHAKE

    def _listen(self) -> None:
        while not self._connection.ended and self._receive(None):
            pass

    def _receive(self, timeout: float | None) -> int:
        """Receive once and handle what arrived; give the count of bytes, 0 at the end."""
        count = self._transport.receive(self._connection.buffer(), timeout)
        with self._encoding:
            events = self._connection.advance(count) if count else []
        for event in events:
            self._handle(event)
        return count

    def _handle(self, event: ClientMessage | PlainClientMessage | RemoteProtocolError) -> None:
        if isinstance(event, RemoteProtocolError):
            if event.fatal:
                self._outbox.finish(event.answer())
            else:
                self._outbox.put(event.answer())
            return
        if isinstance(event, Hello):
            self._enter(event.client, self._commands.join(self._outbox))
            return
        if self._caller is None and isinstance(event, PLAIN):
            self._enter("plain", self._commands.join_plain(self._outbox))
        if self._caller is None:
            return
        if isinstance(event, PLAIN):
            self._outbox.put(self._commands.answer_plain(self._caller, event))
        elif (answer := self._commands.answer(self._caller, event)) is not None:
            self._outbox.put(answer)

    def _enter(self, name: str, member: Member | None) -> None:
        if member is None:
            message = "this server has as many clients as it takes, or is ending; try again later"
            self._outbox.finish(Error(code="too_many_clients", message=message))
            return
        self._caller = Caller(f"{name[:LONGEST_NAME]}#{self._number}", member)

    def _send(self) -> None:
        """Run the sender; where it fails, wake the reader."""
        try:
            send_all(self._outbox, self._transport, self._encode, self._member)
        except OSError:  # the peer left, and the reader learns it too
            self._transport.end()
            return
        except Exception:
            self._transport.end()
            raise
        if self._outbox.overflowing:
            print(  # noqa: T201
                f"connection {self._number} was ended: it read nothing while too many messages were waiting",
                file=sys.stderr,
            )
            self._transport.end()
        else:
            self._transport.end_sending()

    def _member(self) -> Member | None:
        return self._caller.member if self._caller else None

    def _encode(self, message: Outgoing) -> Buffers:
        """Give a message's frames; what can't be sent is told instead, unless the end is near anyway."""
        with self._encoding:
            try:
                return self._connection.send(message)
            except LocalProtocolError as error:
                if self._connection.ended:
                    return []
                return self._connection.send(Notice(level="warning", message=f"not sent: {error}"))

    def _part(self, sender: threading.Thread) -> None:
        """Let the last messages out, wait for the peer to have read them, and close."""
        self._outbox.finish()
        sender.join(LINGER)
        deadline = time.monotonic() + LINGER
        scrap = memoryview(bytearray(1 << 16))
        with contextlib.suppress(OSError):  # unread bytes would reset the connection before its last message
            while not sender.is_alive() and self._transport.receive(scrap, deadline - time.monotonic()):
                pass
        self._transport.end()
        sender.join()
        self._transport.close()
