"""TLS without its socket: the peer's bytes in, what to send out.

The shell around it feeds what it receives and sends what it is given:

    try:
        done = records.handshake()
    finally:
        sock.sendall(records.outgoing())
    ...
    while (count := records.read_into(buffer)) is None:
        records.feed(sock.recv(PIECE))
    ...
    sock.sendall(records.write(message))

After the handshake one thread may receive while another sends, which `ssl.SSLSocket` can't: only the record
layer is locked here, never the waiting for the network.
"""

import ssl
import threading
from typing import cast

from llmri_protocol.frames import Buffer

PIECE = 1 << 16  # bytes worth receiving at once: four of the longest records
RECORD_TYPES = range(20, 25)  # the first byte of every TLS record (RFC 8446, 5.1; RFC 6520 for the last)


class TlsRecords:
    """The record layer of one connection.

    Args:
        context: A client's context, or a server's with its certificate.
        server_side: Which of the two this is.
        server_name: For a client: the host that the certificate must be for.
    """

    def __init__(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_name: str | None = None
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._records = context.wrap_bio(self._incoming, self._outgoing, server_side, server_name)
        self._lock = threading.Lock()
        self._first: int | None = None

    @property
    def foreign(self) -> bool:
        """Whether the peer's first byte was none that TLS begins with."""
        return self._first is not None and self._first not in RECORD_TYPES

    def handshake(self) -> bool:
        """Go on with the handshake; give whether it is done, else feed more and call again.

        Each time, and where it raises too, `outgoing` has something for the peer.

        Raises:
            ssl.SSLError: It failed; `ssl.SSLCertVerificationError` where the certificate is why.
            ConnectionResetError: The peer left.
        """
        with self._lock:
            if self._incoming.eof:
                raise ConnectionResetError("the peer left during the TLS handshake")
            try:
                self._records.do_handshake()
            except ssl.SSLWantReadError:
                return False
            return True

    def feed(self, data: Buffer) -> None:
        """Take bytes that came from the peer; none at all are the end of its stream."""
        with self._lock:
            if not data:
                self._incoming.write_eof()
                return
            if self._first is None:
                self._first = data[0]
            self._incoming.write(data)

    def read_into(self, buffer: memoryview) -> int | None:
        """Decrypt into `buffer` and give the count: 0 at the end, None where more must be fed first.

        What the peer is to be told of it goes out with the next `write`.

        Raises:
            ssl.SSLError: The peer broke the rules of TLS.
        """
        with self._lock:
            try:
                return cast("int", self._records.read(len(buffer), buffer))  # into a buffer it gives a count
            except ssl.SSLWantReadError:
                return None
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return 0

    def write(self, data: Buffer) -> bytes:
        """Encrypt; give what to send, in the order of the calls.

        Raises:
            ssl.SSLError: The peer broke the rules of TLS.
        """
        with self._lock:
            self._records.write(data)
            return self._outgoing.read()

    def outgoing(self) -> bytes:
        """Return what the handshake has to send, which may be nothing."""
        with self._lock:
            return self._outgoing.read()
