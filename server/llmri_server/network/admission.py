"""Accepts connections of every listener, and keeps count of them."""

import itertools
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from llmri_server.network.client import Client
from llmri_server.network.listener import Listener
from llmri_server.network.threads import GuardedThread
from llmri_server.network.transport import Transport

MakeClient = Callable[[int, str, Transport], Client]

log = logging.getLogger(__name__)

STRANGERS = 16  # connections beside the members that may be in their handshake
LEAVING = 64  # connections beside both that may still read why they are ended
PAUSE = 0.1  # seconds to wait where the system has no more file descriptors


class Admission:
    """Lets clients in through listeners, and serves each in a thread of its own.

    Nobody is refused for strangers that say nothing: where there are too many, one of them gives way, the
    oldest from the address with the most of them. Who says `hello` is quicker than that.

    Args:
        listeners: Where clients come in; they are closed at the end.
        make_client: Makes what serves a connection, from its number, its host and its transport.
        most: How many members the server has room for.
        failed: Is called with why, where a thread that lets clients in ended by an error.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        make_client: MakeClient,
        most: int,
        failed: Callable[[str], None],
    ) -> None:
        self.listeners = tuple(listeners)
        self._make_client = make_client
        self._most = most + STRANGERS + 2 * LEAVING  # the last ones close as soon as their threads run
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._clients: dict[int, Client] = {}  # in the order in which they came
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._accepting = [
            GuardedThread("llmri-listener", partial(self._accept, listener), failed)
            for listener in self.listeners
        ]

    def start(self) -> None:
        """Start accepting, where every listener can.

        Raises:
            ServeError: An address can't be had.
        """
        for listener in self.listeners:
            listener.listen()
        for thread in self._accepting:
            thread.start()

    def stop_accepting(self) -> None:
        """Let nobody in any more; who is in stays."""
        self._closed = True
        for listener, thread in zip(self.listeners, self._accepting, strict=True):
            listener.wake()
            if thread.is_alive():
                thread.join()
            listener.close()

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

    def _accept(self, listener: Listener) -> None:
        while not self._closed:
            try:
                connection, host = listener.accept()
            except OSError:
                if not self._closed:  # out of file descriptors, or a client gone before it was accepted
                    time.sleep(PAUSE)
                continue
            try:
                self._admit(connection, host, listener)
            except (OSError, RuntimeError) as error:  # gone already; no more threads to be had
                log.warning("a connection from %s could not be set up: %s", host, error)
                connection.close()

    def _admit(self, connection: socket.socket, host: str, listener: Listener) -> None:
        number = next(self._numbers)
        client = self._make_client(number, host, listener.transport(connection))
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
