"""Clients from the network: TCP, in the clear or in TLS."""

import errno
import ipaddress
import os
import socket
import ssl

from llmri_protocol.addresses import TOKEN_VARIABLE, format_address
from llmri_server.network.access import ServeError
from llmri_server.network.listener import BACKLOG, SocketListener
from llmri_server.network.transport import ClearTransport, TlsTransport, Transport

KNOCKING = 0.1  # seconds


class TcpListener(SocketListener):
    """Listens on a TCP port.

    Args:
        host: A name or an address of this machine; empty is every address.
        port: The port; 0 takes a free one.
        token: The access token, without which nobody but this machine is let in.
        tls: The TLS side, where TLS is spoken.

    Attributes:
        place: Host and port, as the system has them.

    Raises:
        ServeError: The address isn't this machine alone and there is no token, or it can't be had.
    """

    def __init__(
        self, host: str, port: int, token: str | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(bind(host, port, token))
        self._asked = host, port
        self._tls = tls
        here, number = self._place.getsockname()[:2]
        self.place = str(here), int(number)

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return format_address(*self.place)

    def listen(self) -> None:
        """Let clients come."""
        try:
            self._place.listen(BACKLOG)
        except OSError as error:
            raise unavailable(*self._asked, error) from None

    def accept(self) -> tuple[socket.socket, str]:
        """Wait for the next connection."""
        connection, (host, *_) = self._place.accept()
        return connection, str(host)

    def transport(self, connection: socket.socket) -> Transport:
        """Return the connection as it is, or in TLS."""
        return ClearTransport(connection) if self._tls is None else TlsTransport(connection, self._tls)

    def knock(self) -> None:
        """Connect for a moment."""
        socket.create_connection(self.place, timeout=KNOCKING).close()


def bind(host: str, port: int, token: str | None) -> socket.socket:
    """Return a socket that has the address, and doesn't listen yet.

    Raises:
        ServeError: The address isn't this machine alone and there is no token, or it can't be had.
    """
    family, address = _resolve(host, port)
    if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback and token is None:
        raise ServeError(
            f"listening on {host or 'every address'} lets other machines in, which needs an access token: "
            f"set {TOKEN_VARIABLE}, or give --token-file"
        )
    place = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # there it only means: not to wait for connections that ended just now
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        place.bind(address)
    except OSError as error:
        place.close()
        raise unavailable(host, port, error) from None
    return place


def unavailable(host: str, port: int, error: OSError) -> ServeError:
    """Say why an address can't be had."""
    if error.errno == errno.EADDRINUSE:
        return ServeError(
            f"port {port} on {host} is in use; choose another with --port, or any free one with --port 0"
        )
    return ServeError(f"cannot listen on {host} port {port}: {error.strerror}")


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ServeError(f"there is no address for the host {host!r}: {error}") from None
    family, _, _, _, address = found[0]
    return family, (str(address[0]), port)
