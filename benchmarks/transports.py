"""Ways to bring scans through a socket: LLMRI's own, the bare bytes, and hexadecimal in JSON.

An object of each class stands at both ends. All send the same float32 rows, `[layers, width]`, and end
with an array over the memory that was received.
"""

import json
import socket
import struct
import time
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from llmri_protocol.arrays import array_of, scan_message
from llmri_protocol.codec import encode
from llmri_protocol.connection import ClientConnection, ServerConnection
from llmri_protocol.messages import (
    PROTOCOL_VERSION,
    Limits,
    ModelCard,
    Scan,
    Welcome,
)
from llmri_server.broadcast.outbox import BATCH_BYTES
from llmri_server.broadcast.shared_scans import SharedScan, fast_row_stats
from llmri_server.network.transport import ClearTransport
from llmri_server.runtime import ScanEvent

Floats = npt.NDArray[np.float32]

HEADER = struct.Struct(">I")


class Way(Protocol):
    """Both ends of one way."""

    def __init__(self, sock: socket.socket, rows: Floats) -> None:
        """Stand at either end; the receiving end knows the shape from rows of its own."""
        ...

    def send(self, count: int) -> None:
        """Send the rows `count` times."""
        ...

    def receive(self, count: int) -> Floats:
        """Receive `count` scans and give the last."""
        ...


class Raw:
    """The bytes of LLMRI's frame, built once: `sendall` here, `recv_into` one buffer there."""

    def __init__(self, sock: socket.socket, rows: Floats) -> None:
        self._sock = sock
        self._shape = rows.shape
        self._frame = b"".join(encode(scan_of(rows, 0)))
        self._buffer = memoryview(bytearray(len(self._frame)))
        self._start = len(self._frame) - rows.nbytes

    def send(self, count: int) -> None:
        """Send the frame."""
        for _ in range(count):
            self._sock.sendall(self._frame)

    def receive(self, count: int) -> Floats:
        """Fill the buffer again and again."""
        array = np.empty(self._shape, np.float32)
        for _ in range(count):
            fill(self._sock, self._buffer)
            array = np.frombuffer(self._buffer[self._start :], np.float32).reshape(self._shape)
        return array


class Ours:
    """A server's connection here, a client's there; the message is there already, as for a second viewer."""

    def __init__(self, sock: socket.socket, rows: Floats) -> None:
        self._sock = sock
        self._transport = ClearTransport(sock)
        self._server, self._client = shaken_hands()
        self._rows = rows
        self._scan = scan_of(rows, 0)
        self._batch = max(1, BATCH_BYTES // rows.nbytes)

    def message(self, token: int) -> Scan:  # noqa: ARG002  # others need it
        """Return the message to send."""
        return self._scan

    def send(self, count: int) -> None:
        """Encode messages and send their buffers, as many at once as a server's sender takes."""
        for first in range(0, count, self._batch):
            buffers: list[bytes | bytearray | memoryview] = []
            for token in range(first, min(first + self._batch, count)):
                buffers += self._server.send(self.message(token))
            self._transport.send(buffers)

    def receive(self, count: int) -> Floats:
        """Receive into the connection's own memory and decode."""
        arrays: list[Floats] = []
        got = 0
        while got < count:
            arrays.clear()  # a scan's memory is free before the next one comes, as the raw way's buffer is
            received = self._sock.recv_into(self._client.buffer())
            if not received:
                raise ConnectionError(f"the sender left after {got} of {count} scans")
            arrays += self._arrived(received)
            got += len(arrays)
        return arrays[-1]

    def _arrived(self, received: int) -> list[Floats]:
        events = self._client.advance(received)
        scans = [event for event in events if isinstance(event, Scan)]
        if len(scans) < len(events):
            raise TypeError(f"only scans were expected, {events!r} came")
        return [array_of(scan) for scan in scans]


class OneACall(Ours):
    """The same without batches: one scan a call, as when the wire is faster than the model."""

    def __init__(self, sock: socket.socket, rows: Floats) -> None:
        super().__init__(sock, rows)
        self._batch = 1


class Made(Ours):
    """The same, with each message made first, as a server does for a viewer that asked for no statistics."""

    stats = False

    def message(self, token: int) -> Scan:
        """Make a message of a scan that nobody has looked at yet."""
        event = ScanEvent(token, "generate", "resid_post", tuple(range(len(self._rows))), "f32", self._rows)
        message = SharedScan(1, time.time(), event).message(event.layers, "native", stats=self.stats)
        return cast("Scan", message)  # all its layers are wanted


class Described(Made):
    """The same for the first viewer that asked for statistics: they are worked out once a scan."""

    stats = True


class HexJson:
    """The original's way: a JSON body a layer, its bytes in hexadecimal, behind four bytes of length.

    The statistics are there already, as they are for LLMRI's message.
    """

    def __init__(self, sock: socket.socket, rows: Floats) -> None:
        self._sock = sock
        self._rows = rows
        stats = fast_row_stats(rows)
        columns = zip(stats.min, stats.max, stats.mean, stats.std, strict=True)
        self._stats = [dict(zip(stats.__struct_fields__, column, strict=True)) for column in columns]

    def send(self, count: int) -> None:
        """Write each layer's digits and JSON, and send it."""
        for token in range(count):
            for layer, (row, stats) in enumerate(zip(self._rows, self._stats, strict=True)):
                body = json.dumps(
                    {
                        "type": "scan",
                        "timestamp": time.time(),
                        "layer": layer,
                        "turn": 1,
                        "token": token,
                        "shape": row.shape,
                        "dtype": "float32",
                        "activations": row.tobytes().hex(),
                        "stats": stats,
                    }
                ).encode()
                self._sock.sendall(HEADER.pack(len(body)) + body)

    def receive(self, count: int) -> Floats:
        """Receive each layer's body and read it back."""
        array = np.empty(self._rows.shape, np.float32)
        for _ in range(count):
            for _ in range(len(array)):
                scan = json.loads(self._body())
                data = bytes.fromhex(scan["activations"])
                array[scan["layer"]] = np.frombuffer(data, np.float32).reshape(scan["shape"])
        return array

    def _body(self) -> bytearray:
        header = bytearray(HEADER.size)
        fill(self._sock, memoryview(header))
        body = bytearray(HEADER.unpack(header)[0])
        fill(self._sock, memoryview(body))
        return body


WAYS: dict[str, type[Way]] = {
    "raw": Raw,
    "ours": Ours,
    "one": OneACall,
    "made": Made,
    "described": Described,
    "hex": HexJson,
}


def scan_of(rows: Floats, token: int) -> Scan:
    """Return the message that a server sends for rows, `[layers, width]`."""
    return scan_message(
        rows,
        "f32",
        turn=1,
        token=token,
        phase="generate",
        site="resid_post",
        layers=tuple(range(len(rows))),
        time=time.time(),
    )


def fill(sock: socket.socket, buffer: memoryview) -> None:
    """Receive until the buffer is full.

    Raises:
        ConnectionError: The peer left before it was.
    """
    filled = 0
    while filled < len(buffer):
        received = sock.recv_into(buffer[filled:])
        if not received:
            raise ConnectionError(f"the sender left after {filled} of {len(buffer)} bytes")
        filled += received


def shaken_hands() -> tuple[ServerConnection, ClientConnection]:
    """Return two connections that have introduced themselves to each other."""
    server, client = ServerConnection(), ClientConnection()
    for buffer in client.hello("benchmark"):
        server.feed(buffer)
    for buffer in server.send(_welcome()):
        client.feed(buffer)
    return server, client


def _welcome() -> Welcome:
    card = ModelCard(
        name="benchmark",
        runtime="none",
        family="none",
        layers=1,
        hidden_size=1,
        heads=1,
        vocabulary=1,
        context=1,
        dtype="f32",
        device="cpu",
        chat=False,
        sites=(),
    )
    limits = Limits(client_frame=1 << 20, server_frame=1 << 28, queue=1, prompt_positions=1)
    return Welcome(protocol=PROTOCOL_VERSION, session="benchmark", card=card, edits=(), limits=limits)
