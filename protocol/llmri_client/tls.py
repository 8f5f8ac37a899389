"""The client's side of TLS: whom to trust, a socket that encrypts, and sentences for what may go wrong."""

import socket
import ssl
import time
from pathlib import Path

from llmri_client.streams import Stream
from llmri_protocol.frames import Buffer
from llmri_protocol.tls import PIECE, TlsRecords

# OpenSSL's numbers for why a certificate is not good (x509_vfy.h); Python has no names for them.
DATES = {9, 10}  # not yet valid, expired
OTHER_HOST = {62, 64}  # no such host name, no such IP address


class CertificateError(ValueError):
    """A file to trust can't be used; the message says which and why."""


class NoTlsError(ssl.SSLError):
    """The server does not speak TLS."""


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the certificates of a file (PEM), or without one the system's authorities.

    Raises:
        CertificateError: The file can't be read, or has no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
    except ssl.SSLError:
        raise CertificateError(f"{authority} holds no certificate, expected PEM") from None
    except OSError as error:
        raise CertificateError(f"cannot read the certificate in {authority}: {error.strerror}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # else a write could have to wait for a read
    if authority is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever issued it
    return context


def secured(sock: socket.socket, context: ssl.SSLContext | None, host: str, deadline: float | None) -> Stream:
    """Return the socket itself, or where somebody is to be trusted its TLS stream; see `TlsStream`."""
    return sock if context is None else TlsStream(sock, context, host, deadline)


class TlsStream:
    """A connected socket in TLS, with a `Stream`'s methods: one thread may receive while another sends.

    Args:
        sock: Connected.
        deadline: When the handshake must be done, on the monotonic clock; None waits for ever.
        context: Whom to trust.
        host: What the certificate must be for: a name or an IP address.

    Raises:
        ssl.SSLError: The certificate is no good, or the server speaks no TLS (NoTlsError).
        OSError: The connection broke, or no answer came in time (TimeoutError).
    """

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, host: str, deadline: float | None
    ) -> None:
        self._sock = sock
        self._records = TlsRecords(context, server_name=host)
        self._piece = memoryview(bytearray(PIECE))
        self.settimeout, self.shutdown, self.close = sock.settimeout, sock.shutdown, sock.close
        try:
            self._handshake(deadline)
        except ssl.SSLError as error:
            if self._records.foreign:
                raise NoTlsError(*error.args) from None
            raise

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive and decrypt into `buffer`; give the count, 0 at the end."""
        while (count := self._records.read_into(buffer)) is None:
            self._fill()
        return count

    def sendall(self, data: Buffer, /) -> None:
        """Encrypt and send; only one thread may."""
        self._sock.sendall(self._records.write(data))

    def _handshake(self, deadline: float | None) -> None:
        done = False
        while not done:
            try:
                done = self._records.handshake()
            finally:
                self._sock.sendall(self._records.outgoing())  # where it failed, the alert that says why
            if not done:
                self._sock.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
                self._fill()

    def _fill(self) -> None:
        count = self._sock.recv_into(self._piece)
        self._records.feed(self._piece[:count])


def tls_sentence(error: ssl.SSLError) -> str:
    """Say why there is no TLS with a server, and what would help."""
    if isinstance(error, NoTlsError):
        return "the server does not speak TLS; leave --tls and --tls-ca out, or start it with --tls-cert"
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"no TLS with the server ({getattr(error, 'reason', None) or error})"
    why = error.verify_message.rstrip(".")
    if error.verify_code in OTHER_HOST:
        return f"the server's certificate is for another host ({why}); connect by the name it was made for"
    if error.verify_code in DATES:
        return f"the server's certificate is not valid today ({why}); it needs a new one, or a clock is wrong"
    return f"the server's certificate is not trusted ({why}); if it is the right one, give it: --tls-ca FILE"
