"""The viewer's side of TLS: whom to trust, a socket that encrypts, and sentences for what may go wrong."""

import socket
import ssl
import time
from pathlib import Path

from llmri_protocol.frames import Buffer
from llmri_protocol.tls import PIECE, TlsRecords
from llmri_viewer.connection.conversation import RefusedError

# OpenSSL's numbers for why a certificate is not good (x509_vfy.h); Python has no names for them.
DATES = {9, 10}  # not yet valid, expired
OTHER_HOST = {62, 64}  # no such host name, no such IP address


class CertificateError(ValueError):
    """A file to trust can't be used; the message says which and why."""


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Give a context that trusts the certificates of a file (PEM), or without one the system's authorities.

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


class TlsStream:
    """A connected socket in TLS, with those of a socket's methods that a conversation calls.

    Args:
        sock: Connected.
        deadline: When the handshake must be done, on the monotonic clock.
        context: Whom to trust.
        host: What the certificate must be for: a name or an IP address.

    Raises:
        RefusedError: The certificate is no good, or the server speaks no TLS.
        OSError: The connection broke, or no answer came in time (TimeoutError).
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str, deadline: float) -> None:
        self._sock = sock
        self._records = TlsRecords(context, server_name=host)
        self._piece = memoryview(bytearray(PIECE))
        self.settimeout, self.shutdown, self.close = sock.settimeout, sock.shutdown, sock.close
        try:
            self._handshake(deadline)
        except ssl.SSLError as error:
            raise RefusedError(_sentence(error, foreign=self._records.foreign)) from None

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive and decrypt into `buffer`; give the count, 0 at the end."""
        while (count := self._records.read_into(buffer)) is None:
            self._fill()
        return count

    def sendall(self, data: Buffer, /) -> None:
        """Encrypt and send; only one thread may."""
        self._sock.sendall(self._records.write(data))

    def _handshake(self, deadline: float) -> None:
        done = False
        while not done:
            try:
                done = self._records.handshake()
            finally:
                self._sock.sendall(self._records.outgoing())  # where it failed, the alert that says why
            if not done:
                self._sock.settimeout(max(0.001, deadline - time.monotonic()))
                self._fill()

    def _fill(self) -> None:
        count = self._sock.recv_into(self._piece)
        self._records.feed(self._piece[:count])


def _sentence(error: ssl.SSLError, *, foreign: bool) -> str:
    if foreign:
        return "the server does not speak TLS; leave --tls and --tls-ca out, or start it with --tls-cert"
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"no TLS with the server ({error.reason or error})"
    why = error.verify_message.rstrip(".")
    if error.verify_code in OTHER_HOST:
        return f"the server's certificate is for another host ({why}); connect by the name it was made for"
    if error.verify_code in DATES:
        return f"the server's certificate is not valid today ({why}); it needs a new one, or a clock is wrong"
    return f"the server's certificate is not trusted ({why}); if it is the right one, give it: --tls-ca FILE"
