"""The link to the server: a thread that connects, reads, and connects again, so that drawing never waits."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from llmri_client.address import Address
from llmri_client.duplex import DuplexConnection, HopelessError, Outbox, PutOffError
from llmri_client.inbox import Inbox
from llmri_client.link_status import Link, LinkStatus
from llmri_client.streams import Stream
from llmri_client.tls import secured, tls_sentence
from llmri_protocol.frames import SERVER_LIMIT
from llmri_protocol.messages import Command as Request
from llmri_protocol.messages import ServerMessage

INBOX = 256  # messages waiting to be drawn; when full the reader waits, and the server drops old scans
ANSWER_SECONDS = 10.0
# A host that is down answers nothing, and may be up a moment later: giving up early and trying again finds it
# sooner than the system's own second try does. Together with a wait it is under two seconds.
CONNECT_SECONDS = 1.0
LONGEST_WAIT = 0.9  # seconds between two tries, whatever the settings say
TCP = {socket.AF_INET, socket.AF_INET6}
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
class Retry:
    """How long to wait before connecting again, in seconds; each wait is twice the one before."""

    first: float = 0.5
    longest: float = LONGEST_WAIT


DEFAULT_RETRY = Retry()


class ServerLink:
    """Connects, reads into `inbox`, sends what `send` is given, and connects again when cut off.

    `inbox` carries messages in order, and a `LinkStatus` whenever the connection's state changes.

    Args:
        address: Where, and how to get in.
        client: Who calls, such as `llmri view 0.1.0`.
        retry: How soon to try again; None never does.
        limit: Longest body in bytes that the server may send.
    """

    def __init__(
        self,
        address: Address,
        client: str,
        *,
        retry: Retry | None = DEFAULT_RETRY,
        limit: int = SERVER_LIMIT,
    ) -> None:
        self.address = address
        self.inbox: Inbox[Event] = Inbox(INBOX)
        self._client = client
        self._retry = retry
        self._limit = limit
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

    def _run(self) -> None:
        waits, known = _waits(self._retry), False
        while not self._stopped.is_set():
            self._put(LinkStatus(Link.CONNECTING, f"connecting to {self.address} …"))
            try:
                welcomed, why = self._visit()
            except HopelessError as refusal:
                if not known:
                    self._put(LinkStatus(Link.REFUSED, str(refusal)))
                    return
                welcomed, why = False, str(refusal)  # it was a server of ours before, and may be one again
            known = known or welcomed
            if self._retry is None:
                self._put(LinkStatus(Link.REFUSED, f"{why}; not trying again (--no-reconnect)"))
                return
            waits = _waits(self._retry) if welcomed else waits
            wait = next(waits)
            self._put(LinkStatus(Link.WAITING, f"{why}; trying again in {wait:g} s"))
            self._stopped.wait(wait)

    def _visit(self) -> tuple[bool, str]:
        """Connect and stay until the connection ends; tell whether it was welcomed, and why it ended."""
        try:
            sock = self.address.connected(CONNECT_SECONDS)
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
            talk = self._connection(secured(sock, self.address.tls, self.address.host, deadline), deadline)
            why = talk.run()
        except TimeoutError:
            raise
        except ssl.SSLError as error:
            if talk is None:
                raise HopelessError(tls_sentence(error)) from None
            why = f"the connection broke ({_reason(error)})"
        except HopelessError as refusal:
            if talk is None or not talk.welcomed:
                raise
            why = str(refusal)  # garbage from a server that made sense before
        except OSError as error:
            why = f"the connection broke ({_reason(error)})"
        welcomed = talk is not None and talk.welcomed
        return welcomed, why + CLEAR_HINT if self.address.may_want_tls and not welcomed else why

    def _connection(self, stream: Stream, deadline: float) -> DuplexConnection:
        self._outbox = queue.SimpleQueue()  # what an earlier connection left unsent is stale
        return DuplexConnection(
            stream,
            deadline=deadline,
            limit=self._limit,
            client=self._client,
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


def _waits(retry: Retry | None) -> Iterator[float]:
    """Yield how long to wait before each try, without an end."""
    longest = min(retry.longest, LONGEST_WAIT) if retry else 0.0
    wait = min(retry.first, longest) if retry else 0.0
    while True:
        yield wait
        wait = min(2 * wait, longest)


def _prepare(sock: socket.socket) -> None:
    """Set what the connection needs: time for an answer, and of TCP probes for a host that is gone."""
    sock.settimeout(ANSWER_SECONDS)
    if sock.family not in TCP:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if hasattr(socket, name):  # not every system has each of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
