"""One connection: its reader thread, and the sender thread that it starts."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from llmri_protocol.connection import ServerConnection
from llmri_protocol.errors import LocalProtocolError, RemoteProtocolError
from llmri_protocol.messages import ClientMessage, Command, Error, Hello, Notice, Welcome
from llmri_protocol.plain import (
    HANDSHAKE,
    SILENCE,
    PlainClientMessage,
)
from llmri_server.broadcast.hub import FULL, Member
from llmri_server.broadcast.outbox import Outbox, Outgoing
from llmri_server.network.sender import send_all
from llmri_server.network.threads import GuardedThread
from llmri_server.network.transport import Buffers, Transport
from llmri_server.network.wrong_tokens import WrongTokens
from llmri_server.service.handlers import Caller, Handlers
from llmri_server.service.subscriptions import Subscriptions

LINGER = 1.0  # seconds that a leaving client has to read its last messages
LONGEST_NAME = 200

CROWDED = Error(
    code="too_many_clients",
    message="too many wrong access tokens came from this address; try again in a few seconds",
)

log = logging.getLogger(__name__)


class Client:
    """Serves one client from its first byte to its last.

    Args:
        number: Tells this connection from every other.
        address: The host that it comes from.
        transport: The connected stream, not yet open.
        connection: The protocol's state, fresh.
        outbox: What will be sent, empty.
        subscriptions: Let the client in and out.
        handlers: Carry out what it asks.
        wrong_tokens: Those of all clients.
    """

    def __init__(
        self,
        number: int,
        address: str,
        transport: Transport,
        *,
        connection: ServerConnection,
        outbox: Outbox,
        subscriptions: Subscriptions,
        handlers: Handlers,
        wrong_tokens: WrongTokens,
    ) -> None:
        self.number = number
        self.address = address
        self._transport = transport
        self._connection = connection
        self._outbox = outbox
        self._outbox.on_overflow = transport.end
        self._subscriptions = subscriptions
        self._handlers = handlers
        self._wrong_tokens = wrong_tokens
        self._caller: Caller | None = None
        self._encoding = threading.Lock()  # receiving and sending both move the connection's state
        self._opened = False
        self._held = False  # whether a refusal waits for its time
        self._read = threading.Event()  # set when nothing more is read
        self._sent = threading.Event()  # and when nothing more is sent

    @property
    def stranger(self) -> bool:
        """Whether it has not said yet who it is."""
        return self._caller is None and not self.leaving

    @property
    def leaving(self) -> bool:
        """Whether it is on its way out."""
        return self._held or self._outbox.finished

    def serve(self) -> None:
        """Read and answer until the client leaves or breaks the rules; then clean up."""
        deadline = time.monotonic() + HANDSHAKE
        sender = GuardedThread(f"llmri-sender-{self.number}", self._send, lambda _: self._transport.end())
        try:
            self._transport.open(deadline)
            self._opened = True
            sender.start()
            self._greet(deadline)
            self._listen()
        except TimeoutError:
            message = f"no complete `hello` came within {HANDSHAKE:.0f} seconds"
            self._outbox.finish(Error(code="hello_expected", message=message))
        except ConnectionError:
            self._outbox.finish()
        except OSError as error:
            self._outbox.finish()
            log.warning("connection %d from %s broke: %s", self.number, self.address, error)
        finally:
            if self._caller:
                self._subscriptions.leave(self._caller.member)
            self._outbox.finish()
            self._part(sender)

    def refuse(self) -> None:
        """Send a stranger away, as one too many: another wants its place. Never waits."""
        self._outbox.finish(FULL)
        if not self._opened:  # nothing can be told before TLS stands
            self._transport.end()

    def end(self) -> None:
        """End the connection now; both threads finish."""
        self._transport.end()

    def _greet(self, deadline: float) -> None:
        """Receive until the client is in, or out."""
        patience = SILENCE
        while self.stranger and not self._connection.ended:
            try:
                if not self._receive(min(patience, deadline - time.monotonic())):
                    return
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise
                if self._connection.assume_plain():
                    self._enter("plain", lambda: self._subscriptions.join_plain(self._outbox, silent=True))
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
            self._reproach(event)
        elif isinstance(event, Hello):
            self._greeted(event)
        elif isinstance(event, PlainClientMessage):
            if self._caller is None:
                self._enter("plain", lambda: self._subscriptions.join_plain(self._outbox, silent=False))
            if self._caller is not None:
                self._caller.member.silent = False
                self._answer(self._caller, event)
        elif self._caller is not None and isinstance(event, Command):
            self._answer(self._caller, event)

    def _answer(self, caller: Caller, command: Command | PlainClientMessage) -> None:
        answer = self._handlers.answer(caller, command)
        if answer is not None:
            self._outbox.put(answer)

    def _reproach(self, error: RemoteProtocolError) -> None:
        """Tell the peer what it did wrong."""
        if error.code == "bad_token":
            self._turn_away(error)
        elif error.fatal:
            self._outbox.finish(error.answer())
        else:
            self._outbox.put(error.answer())

    def _greeted(self, hello: Hello) -> None:
        """Let a native client in, in place of the silent plain one that it may have been taken for."""
        if self._connection.guarded and self._wrong_tokens.crowded(self.address):
            self._outbox.finish(CROWDED)
            return
        before = self._caller.member if self._caller else None
        self._enter(hello.client, lambda: self._subscriptions.join(self._outbox, before))

    def _turn_away(self, error: RemoteProtocolError) -> None:
        """Answer a wrong token, later each time; while many wait, none is looked at, and that is told."""
        self._held = True
        if self._wrong_tokens.crowded(self.address):
            self._outbox.finish(CROWDED)
            return
        count, delay = self._wrong_tokens.note(self.address)
        log.warning(
            "connection %d from %s was refused: %s (number %d from there lately, answered after %g s)",
            self.number,
            self.address,
            error.message,
            count,
            delay,
        )
        self._drain(delay)
        self._outbox.finish(error.answer())

    def _enter(self, name: str, join: Callable[[], Member | None]) -> None:
        if self._outbox.finished:  # it was sent away meanwhile
            return
        member = join()
        if member is None:
            self._outbox.finish(FULL)
            return
        self._caller = Caller(f"{name[:LONGEST_NAME]}#{self.number}", member)

    def _send(self) -> None:
        """Run the sender; after the last message wait a little for the peer to end, and end it."""
        try:
            send_all(self._outbox, self._transport, self._encode, self._member)
            if not self._outbox.overflowing:
                self._transport.end_sending()
                self._sent.set()
                self._read.wait(LINGER)
        except OSError:  # the peer left, and the reader learns it too
            return
        finally:
            self._sent.set()
            if self._outbox.overflowing:
                log.warning(
                    "connection %d from %s was ended: it read nothing while too many messages were waiting",
                    self.number,
                    self.address,
                )
            if not self._read.is_set():
                self._transport.end()

    def _member(self) -> Member | None:
        return self._caller.member if self._caller else None

    def _encode(self, message: Outgoing) -> Buffers:
        """Return a message's frames; what can't be sent is told instead, unless the end is near anyway."""
        with self._encoding:
            try:
                return self._connection.send(message)
            except LocalProtocolError as error:
                if self._connection.ended:
                    return []
                if self._connection.state == "open":
                    return self._connection.send(Notice(level="warning", message=f"not sent: {error}"))
                if not isinstance(message, Welcome):  # it was for the plain client that this was taken for
                    return []
                self._outbox.finish()
                return self._connection.send(Error(code="internal", message=f"not sent: {error}"))

    def _part(self, sender: threading.Thread) -> None:
        """Let the last messages out, wait for the peer to have read them, and close."""
        if sender.ident is not None:
            self._sent.wait(LINGER)
            with contextlib.suppress(OSError):  # unread bytes would reset it before the last message is read
                self._drain(LINGER)
        self._read.set()
        self._transport.end()
        if sender.ident is not None:
            sender.join()
        self._transport.close()

    def _drain(self, seconds: float) -> None:
        """Read and throw away what comes, until the peer ends or the time is over."""
        deadline = time.monotonic() + seconds
        scrap = memoryview(bytearray(1 << 16))
        with contextlib.suppress(TimeoutError):
            while self._transport.receive(scrap, deadline - time.monotonic()):
                pass
