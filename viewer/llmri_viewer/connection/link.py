"""The link to the server: a thread that connects, reads, and connects again, so that drawing never waits."""

import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from llmri_protocol.addresses import DEFAULT_HOST, DEFAULT_PORT, format_address, parse_address
from llmri_protocol.messages import Command as Request
from llmri_protocol.messages import Role, ServerMessage
from llmri_viewer.connection.conversation import Conversation, Outbox, PutOffError, RefusedError, Stream
from llmri_viewer.connection.inbox import Inbox
from llmri_viewer.connection.tls import TlsStream
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import Link, LinkStatus

INBOX = 256  # messages waiting to be drawn; when full the reader waits, and the server drops old scans
ANSWER_SECONDS = 10.0
# A host that is down answers nothing, and may be up a moment later: giving up early and trying again finds it
# sooner than the system's own second try does. Together with a wait it is under two seconds.
CONNECT_SECONDS = 1.0
LONGEST_WAIT = 0.9  # seconds between two tries, whatever the settings say
PROBES = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 60}  # a host that was restarted says so
CLOSING_SECONDS = 0.2  # that `stop` waits; a thread that waits for a silent address ends with the program
CLEAR_HINT = "; it may be a TLS server: try --tls"
Event = ServerMessage | LinkStatus


class Connection(Protocol):
    """What a session asks of a link: a `ServerLink`, or a recording played back."""

    @property
    def inbox(self) -> Inbox[Event]:
        """Messages in order, and a `LinkStatus` whenever the connection's state changes."""
        ...

    def start(self) -> None:
        """Begin to connect."""
        ...

    def send(self, request: Request, /) -> None:
        """Send a request soon."""
        ...

    def stop(self) -> None:
        """End the connection."""
        ...


@dataclass(frozen=True)
class Address:
    """Where a server listens, and how to get in; `tls` says whom to trust, None speaks in the clear."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    role: Role = "controller"
    token: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(
        cls,
        text: str,
        role: Role = "controller",
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> "Address":
        """Take HOST:PORT, HOST, :PORT or [IPV6]:PORT.

        Raises:
            AddressError: It is none of these.
        """
        return cls(*parse_address(text), role, token, tls)

    def __str__(self) -> str:
        """Give HOST:PORT, with brackets around an IPv6 address."""
        return format_address(self.host, self.port)


class ServerLink:
    """Connects, reads into `inbox`, sends what `send` is given, and connects again when cut off.

    `inbox` carries messages in order, and a `LinkStatus` whenever the connection's state changes.
    """

    def __init__(self, address: Address, options: Options, *, reconnect: bool = True) -> None:
        self.address = address
        self.inbox: Inbox[Event] = Inbox(INBOX)
        self._options = options
        self._reconnect = reconnect
        self._outbox: Outbox = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="llmri link", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def send(self, request: Request) -> None:
        """Send a request soon. The caller asks for nothing while there is no connection."""
        self._outbox.put(request)

    def stop(self) -> None:
        """End the connection and the threads."""
        self._stopped.set()
        sock = self._socket
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()  # the reader was first to end it
        if self._thread.is_alive():
            self._thread.join(CLOSING_SECONDS)

    @property
    def _longest(self) -> float:
        return min(self._options.retry_longest_seconds, LONGEST_WAIT)

    def _run(self) -> None:
        wait, known = min(self._options.retry_first_seconds, self._longest), False
        while not self._stopped.is_set():
            self._put(LinkStatus(Link.CONNECTING, f"connecting to {self.address} …"))
            try:
                welcomed, why = self._visit()
            except RefusedError as refusal:
                if not known:
                    self._put(LinkStatus(Link.REFUSED, str(refusal)))
                    return
                welcomed, why = False, str(refusal)  # it was a server of ours before, and may be one again
            known = known or welcomed
            if not self._reconnect:
                self._put(LinkStatus(Link.REFUSED, f"{why}; not trying again (--no-reconnect)"))
                return
            wait = min(self._options.retry_first_seconds, self._longest) if welcomed else wait
            self._put(LinkStatus(Link.WAITING, f"{why}; trying again in {wait:g} s"))
            self._stopped.wait(wait)
            wait = min(2 * wait, self._longest)

    def _visit(self) -> tuple[bool, str]:
        """Connect and stay until the connection ends; tell whether it was welcomed, and why it ended."""
        target = (self.address.host, self.address.port)
        try:
            sock = socket.create_connection(target, timeout=CONNECT_SECONDS)
        except OSError as error:
            return False, f"no server at {self.address} ({_reason(error)})"
        _prepare(sock)
        self._socket = sock
        try:
            with sock:
                return self._stay(sock)
        except TimeoutError:
            return False, f"{self.address} did not answer in {ANSWER_SECONDS:g} s; is it an LLMRI server?"
        except PutOffError as refusal:
            return False, str(refusal)
        finally:
            self._socket = None

    def _stay(self, sock: socket.socket) -> tuple[bool, str]:
        """Converse until the connection ends; tell whether it was welcomed, and why it ended."""
        talk = None
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            talk = self._conversation(self._stream(sock, deadline), deadline)
            why = talk.run()
        except TimeoutError:
            raise
        except RefusedError as refusal:
            if talk is None or not talk.welcomed:
                raise
            why = str(refusal)  # garbage from a server that made sense before
        except OSError as error:
            why = f"the connection broke ({_reason(error)})"
        welcomed = talk is not None and talk.welcomed
        return welcomed, why if welcomed or self.address.tls else why + CLEAR_HINT

    def _stream(self, sock: socket.socket, deadline: float) -> Stream:
        return TlsStream(sock, self.address.tls, self.address.host, deadline) if self.address.tls else sock

    def _conversation(self, stream: Stream, deadline: float) -> Conversation:
        self._outbox = queue.SimpleQueue()  # what an earlier connection left unsent is stale
        return Conversation(
            stream,
            deadline=deadline,
            limit=self._options.frame_mib << 20,
            role=self.address.role,
            token=self.address.token,
            take=self._put,
            outbox=self._outbox,
        )

    def _put(self, event: Event) -> None:
        """Hand an event over, waiting while the inbox is full, until the link is stopped."""
        while not self._stopped.is_set():
            try:
                self.inbox.put(event, timeout=0.1)
            except queue.Full:
                continue  # the window is busy; TCP holds the server back meanwhile
            return


def _prepare(sock: socket.socket) -> None:
    """Set what the connection needs: no delay, time for an answer, probes for a host that is gone."""
    sock.settimeout(ANSWER_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if hasattr(socket, name):  # not every system has each of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
