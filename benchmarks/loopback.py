"""A receiving process at the other end of a TCP connection over loopback."""

import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.transports import WAYS, Floats, Way
from llmri_server.network.transport import prepare

DONE = b"\x06"
LEAVE = 10.0  # seconds that the other process has to end by itself
Order = tuple[str, int] | None  # a way and a count of scans, or the end


class Loopback:
    """The sending end, and the process at the receiving end, which does what it is told.

    Args:
        sock: The connection for scans, with the buffers that the server gives its own.
        orders: The connection for what to do.
        rows: What to send, `[layers, width]`.
    """

    def __init__(self, sock: socket.socket, orders: "Connection[Order, None]", rows: Floats) -> None:
        self._sock = sock
        self._orders = orders
        self._ways: dict[str, Way] = {name: kind(sock, rows) for name, kind in WAYS.items()}

    def seconds(self, way: str, count: int) -> float:
        """Send `count` scans and give the seconds until the other process has decoded the last."""
        self._orders.send((way, count))
        self._wait()  # until it waits for the first byte
        start = time.perf_counter()
        self._ways[way].send(count)
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self._sock.recv(1) != DONE:
            raise ConnectionError("the receiving process left")


@contextmanager
def loopback(rows: Floats) -> Iterator[Loopback]:
    """Start the receiving process, and end it afterwards."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        process = context.Process(target=_receive_all, args=(port, rows.shape, theirs), daemon=True)
        process.start()
        theirs.close()
        sock, _ = listening.accept()
    try:
        prepare(sock)
        yield Loopback(sock, ours, rows)
        ours.send(None)
        process.join(LEAVE)
    finally:
        sock.close()
        process.kill()
        process.join()


def _receive_all(port: int, shape: tuple[int, int], orders: "Connection[None, Order]") -> None:
    """Receive what is ordered, in the other process, and say when it waits and when it is done."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rows = np.zeros(shape, np.float32)
    ways = {name: kind(sock, rows) for name, kind in WAYS.items()}
    while (order := orders.recv()) is not None:
        name, count = order
        sock.sendall(DONE)
        ways[name].receive(count)
        sock.sendall(DONE)
