"""A connected socket as the rest of the server sees it: bytes in, buffers out, in the clear or in TLS."""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from llmri_protocol.tls import PIECE, TlsRecords

Buffers = Sequence[bytes | bytearray | memoryview]

SEND_BUFFER = 1 << 20  # bytes the system may hold: a few scans, so that a slow viewer doesn't lag behind
INTERNET = {socket.AF_INET, socket.AF_INET6}  # families of TCP
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 4}  # seconds, seconds, probes


class Transport(Protocol):
    """A two-way stream; one thread receives while another sends, and any thread may end it."""

    def open(self, deadline: float) -> None:
        """Do what comes before the first byte, until a time of the monotonic clock at most.

        Raises:
            TimeoutError: It took too long.
            OSError: It failed, `ssl.SSLError` included.
        """
        ...

    def receive(self, buffer: memoryview, timeout: float | None) -> int:
        """Receive into `buffer`, give the count, 0 at the end.

        Raises:
            TimeoutError: Nothing came in `timeout` seconds, however many pieces of something did.
            OSError: The connection broke.
        """
        ...

    def send(self, buffers: Buffers) -> None:
        """Send all the buffers in order, waiting as long as it takes.

        Raises:
            OSError: The connection broke, or was ended by another thread.
        """
        ...

    def end_sending(self) -> None:
        """Tell the peer that nothing more comes."""
        ...

    def end(self) -> None:
        """End the connection; whoever waits in `receive` or `send` wakes."""
        ...

    def close(self) -> None:
        """Give the socket back to the system, when no thread uses it any more."""
        ...


class ClearTransport:
    """A connection in the clear."""

    def __init__(self, connection: socket.socket) -> None:
        prepare(connection)
        self._socket = connection

    def open(self, deadline: float) -> None:
        """Do nothing."""

    def receive(self, buffer: memoryview, timeout: float | None) -> int:
        """Receive straight into `buffer`."""
        if timeout is not None:
            _await_bytes(self._socket, timeout)
        return self._socket.recv_into(buffer)

    def send(self, buffers: Buffers) -> None:
        """Send the buffers' own memory, without copying it."""
        sent = self._socket.sendmsg(buffers)
        total = sum(map(len, buffers))
        while sent < total:
            buffers = _rest(buffers, sent)
            total -= sent
            sent = self._socket.sendmsg(buffers)

    def end_sending(self) -> None:
        """Send the end of the stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Shut both directions."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class TlsTransport:
    """TLS over a TCP connection.

    Args:
        connection: A connected socket.
        context: A server's context, with its certificate.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._clear = ClearTransport(connection)
        self._records = TlsRecords(context, server_side=True)
        self._send_lock = threading.Lock()
        self._piece = memoryview(bytearray(PIECE))

    def open(self, deadline: float) -> None:
        """Shake hands."""
        done = False
        while not done:
            try:
                done = self._records.handshake()
            finally:
                if records := self._records.outgoing():  # where it failed, the alert that says why
                    self._clear.send([records])
            if not done:
                self._fill(deadline)

    def receive(self, buffer: memoryview, timeout: float | None) -> int:
        """Receive and decrypt into `buffer`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (count := self._records.read_into(buffer)) is None:
            self._fill(deadline)
        return count

    def send(self, buffers: Buffers) -> None:
        """Encrypt and send the buffers."""
        with self._send_lock:
            for buffer in buffers:
                self._clear.send([self._records.write(buffer)])

    def end_sending(self) -> None:
        """Send the end of the stream."""
        self._clear.end_sending()

    def end(self) -> None:
        """Shut both directions."""
        self._clear.end()

    def close(self) -> None:
        """Close the socket."""
        self._clear.close()

    def _fill(self, deadline: float | None) -> None:
        count = self._clear.receive(self._piece, None if deadline is None else deadline - time.monotonic())
        self._records.feed(self._piece[:count])


def prepare(connection: socket.socket) -> None:
    """Set what a connection needs: a send buffer that fits; of TCP no delay, and probes for a dead peer."""
    connection.setblocking(True)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if connection.family not in INTERNET:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # not every system has each of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _await_bytes(connection: socket.socket, timeout: float) -> None:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    # A time-out that is over counts though bytes be there: else who sends all the time had all the time.
    if timeout < 0 or not poll.poll(timeout * 1000):
        raise TimeoutError("nothing complete came in time")


def _rest(buffers: Buffers, sent: int) -> Buffers:
    """Return what of the buffers is left after `sent` bytes."""
    for index, buffer in enumerate(buffers):
        if sent < len(buffer):
            return [memoryview(buffer)[sent:], *buffers[index + 1 :]]
        sent -= len(buffer)
    return []
