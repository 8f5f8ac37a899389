"""Accepts connections, and keeps count of them."""

import itertools
import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from llmri_server.network.client import Client
from llmri_server.network.threads import GuardedThread
from llmri_server.network.transport import ClearTransport, TlsTransport, Transport

MakeClient = Callable[[int, str, Transport], Client]

log = logging.getLogger(__name__)

BACKLOG = 64  # connections the system keeps until they are accepted
STRANGERS = 16  # connections beside the members that may be in their handshake
LEAVING = 64  # connections beside both that may still read why they are ended
PAUSE = 0.1  # seconds to wait where the system has no more file descriptors


class Listener:
    """Accepts on a listening socket and serves each client in a thread of its own.

    Nobody is refused for strangers that say nothing: where there are too many, one of them gives way, the
    oldest from the address with the most of them. Who says `hello` is quicker than that.

    Args:
        place: The bound socket, which the listener closes.
        make_client: Makes what serves a connection, from its number, its host and its transport.
        tls: The TLS side, where there is TLS.
        most: How many members the server has room for.
        failed: Is called with why, where the listener ended by an error.
    """

    def __init__(
        self,
        place: socket.socket,
        make_client: MakeClient,
        tls: ssl.SSLContext | None,
        most: int,
        failed: Callable[[str], None],
    ) -> None:
        self._listening = place
        host, port = place.getsockname()[:2]
        self.address = str(host), int(port)  # as the system has them
        self._make_client = make_client
        self._tls = tls
        self._most = most + STRANGERS + 2 * LEAVING  # the last ones close as soon as their threads run
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._clients: dict[int, Client] = {}  # in the order in which they came
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._accepting = GuardedThread("llmri-listener", self._accept, failed)

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
            for client in self._clients.values():
                client.end()
        self._join(grace)

    def _join(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for thread in tuple(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, address = self._listening.accept()
            except OSError:
                if not self._closed:  # out of file descriptors, or a client gone before it was accepted
                    time.sleep(PAUSE)
                continue
            try:
                self._admit(connection, str(address[0]))
            except (OSError, RuntimeError) as error:  # gone already; no more threads to be had
                log.warning("a connection from %s could not be set up: %s", address[0], error)
                connection.close()

    def _admit(self, connection: socket.socket, host: str) -> None:
        number = next(self._numbers)
        client = self._make_client(number, host, self._transport(connection))
        thread = GuardedThread(
            f"llmri-reader-{number}", partial(self._serve, client), lambda _: connection.close()
        )
        with self._lock:
            if self._closed or len(self._clients) >= self._most:
                connection.close()
                return
            self._make_room()
            self._clients[number] = client
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._forget(client, thread)
            raise

    def _make_room(self) -> None:
        """Let a stranger give way where there are many, and end who takes long to leave; the lock is held."""
        strangers = [client for client in self._clients.values() if client.stranger]
        if len(strangers) >= STRANGERS:
            crowd = Counter(client.address for client in strangers)
            max(strangers, key=lambda client: (crowd[client.address], -client.number)).refuse()
        leaving = [client for client in self._clients.values() if client.leaving]
        for client in leaving[:-LEAVING]:
            client.end()

    def _serve(self, client: Client) -> None:
        try:
            client.serve()
        finally:
            self._forget(client, threading.current_thread())

    def _forget(self, client: Client, thread: threading.Thread) -> None:
        with self._lock:
            self._clients.pop(client.number, None)
            self._threads.discard(thread)

    def _transport(self, connection: socket.socket) -> Transport:
        if self._tls is None:
            return ClearTransport(connection)
        return TlsTransport(connection, self._tls)

    def _wake(self) -> None:
        try:
            socket.create_connection(self.address, timeout=PAUSE).close()
        except OSError:  # nothing accepts there, so nothing waits either
            return
