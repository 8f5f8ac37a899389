"""Accepts connections, and keeps count of them."""

import itertools
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable

from llmri_server.client import HANDSHAKE, Client
from llmri_server.transport import ClearTransport, TlsTransport, Transport

MakeClient = Callable[[int, Transport], Client]

BACKLOG = 64  # connections the system keeps until they are accepted
STRANGERS = 16  # connections beside the members that may be in their handshake
PAUSE = 0.1  # seconds to wait where the system has no more file descriptors


class Listener:
    """Accepts on a listening socket and serves each client in a thread of its own.

    Args:
        place: The bound socket, which the listener closes.
        make_client: Makes what serves a connection, from its number and transport.
        tls: The TLS side, where there is TLS.
        most: How many members the server has room for.
    """

    def __init__(
        self,
        place: socket.socket,
        make_client: MakeClient,
        tls: ssl.SSLContext | None,
        most: int,
    ) -> None:
        self._listening = place
        host, port = place.getsockname()[:2]
        self.address = str(host), int(port)  # as the system has them
        self._make_client = make_client
        self._tls = tls
        self._most = most + STRANGERS
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._connections: dict[int, socket.socket] = {}
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, name="llmri-listener", daemon=True)

    def start(self) -> None:
        """Start accepting.

        Raises:
            OSError: Another process listens there.
        """
        self._listening.listen(BACKLOG)
        self._accepting.start()

    def stop_accepting(self) -> None:
        """Let nobody in any more; who is in stays."""
        self._closed = True
        try:
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes `accept` on Linux
        except OSError:
            self._wake()  # and where it can't
        if self._accepting.is_alive():
            self._accepting.join()
        self._listening.close()

    def close(self, grace: float) -> None:
        """Give the clients `grace` seconds to leave, then end what is still connected."""
        self._join(grace)
        with self._lock:
            for connection in self._connections.values():
                _end(connection)
        self._join(grace)

    def _join(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for thread in tuple(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                if not self._closed:  # out of file descriptors, or a client gone before it was accepted
                    time.sleep(PAUSE)
                continue
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        number = next(self._numbers)
        thread = threading.Thread(
            target=self._serve, args=(number, connection), name=f"llmri-reader-{number}", daemon=True
        )
        with self._lock:
            if self._closed or len(self._connections) >= self._most:
                connection.close()
                return
            self._connections[number] = connection
            self._threads.add(thread)
        thread.start()

    def _serve(self, number: int, connection: socket.socket) -> None:
        try:
            self._make_client(number, self._transport(connection)).serve()
        except OSError as error:  # while the connection was set up
            print(f"connection {number} could not be set up: {error}", file=sys.stderr)  # noqa: T201
        finally:
            with self._lock:
                del self._connections[number]
                self._threads.discard(threading.current_thread())
                connection.close()

    def _transport(self, connection: socket.socket) -> Transport:
        if self._tls is None:
            return ClearTransport(connection)
        return TlsTransport(connection, self._tls, HANDSHAKE)

    def _wake(self) -> None:
        try:
            socket.create_connection(self.address, timeout=PAUSE).close()
        except OSError:  # nothing accepts there, so nothing waits either
            return


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended already
        return
