"""Viewers in processes of their own, which do as they are told."""

import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Literal

from llmri_protocol.arrays import array_of
from llmri_protocol.connection import ClientConnection
from llmri_protocol.messages import Notice, Scan, Subscribe

SITE = "resid_post"
NARROW = 1 << 16  # bytes a viewer's system holds for it, so that one that stops reading is soon noticed
PATIENCE = 60.0  # seconds for another process to start, or to answer

Order = Literal["subscribe", "unsubscribe", "read", "report", "leave"]


class Viewer:
    """A handle on a viewer in another process; it reads nothing before it is told to."""

    def __init__(self, orders: "Connection[Order, tuple[int, int]]") -> None:
        self._orders = orders

    def tell(self, order: Order) -> None:
        """Give an order; what follows from it shows at the server."""
        self._orders.send(order)

    def report(self) -> tuple[int, int]:
        """Ask how many scans it has read, and how many it was told it has lost.

        Raises:
            TimeoutError: The other process does not answer.
        """
        self.tell("report")
        if not self._orders.poll(PATIENCE):
            raise TimeoutError(f"a viewer's process gave no report within {PATIENCE:.0f} seconds")
        return self._orders.recv()


@contextmanager
def viewers(address: tuple[str, int], count: int, *, narrow: bool = False) -> Iterator[list[Viewer]]:
    """Start `count` viewers and connect them, with a small buffer if `narrow`; end them afterwards."""
    context = multiprocessing.get_context("spawn")
    handles, processes = [], []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_view, args=(address, narrow, theirs), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            handles.append(Viewer(ours))
        for handle in handles:
            handle.report()
        yield handles
        for handle in handles:
            handle.tell("leave")
        for process in processes:
            process.join(PATIENCE)
    finally:
        for process in processes:
            process.kill()
            process.join()


class _Reader(threading.Thread):
    """Reads all there is, as arrays."""

    def __init__(self, sock: socket.socket, connection: ClientConnection) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        self._connection = connection
        self.scans = 0
        self.dropped = 0

    def run(self) -> None:
        """Read until the connection ends."""
        while count := self._sock.recv_into(self._connection.buffer()):
            for event in self._connection.advance(count):
                if isinstance(event, Scan):
                    array_of(event)
                    self.scans += 1
                elif isinstance(event, Notice):
                    self.dropped = max(self.dropped, event.dropped)


def _view(address: tuple[str, int], narrow: bool, orders: "Connection[tuple[int, int], Order]") -> None:
    """Be a viewer, in the other process."""
    sock = socket.socket()
    if narrow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
    sock.connect(address)
    connection = ClientConnection()
    sock.sendall(b"".join(connection.hello("benchmark")))
    while connection.welcome is None:
        connection.advance(sock.recv_into(connection.buffer()))
    reader = _Reader(sock, connection)
    number = 0
    while (order := orders.recv()) != "leave":
        number += 1
        match order:
            case "subscribe" | "unsubscribe":
                sites = (SITE,) if order == "subscribe" else ()
                sock.sendall(b"".join(connection.send(Subscribe(id=number, sites=sites))))
            case "read":
                reader.start()
            case "report":
                orders.send((reader.scans, reader.dropped))
    with suppress(OSError):  # the server may have ended it
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
