"""Where a server listens, and how to get in."""

import socket
import ssl
from dataclasses import dataclass

from llmri_protocol.addresses import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    AddressError,
    format_address,
    format_unix_address,
    parse_address,
    unix_path,
)
from llmri_protocol.messages import Role


@dataclass(frozen=True)
class Address:
    """Where a server listens, and how to get in; `tls` says whom to trust, None speaks in the clear.

    `path` is that of a Unix socket, which there is in place of a host and a port.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    role: Role = "controller"
    token: str | None = None
    tls: ssl.SSLContext | None = None
    path: str | None = None

    @classmethod
    def parse(
        cls,
        text: str,
        role: Role = "controller",
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> "Address":
        """Take HOST:PORT, HOST, :PORT, [IPV6]:PORT or unix:PATH.

        Raises:
            AddressError: It is none of these, or TLS is asked for on a Unix socket.
        """
        path = unix_path(text)
        if path is not None:
            if not hasattr(socket, "AF_UNIX"):
                raise AddressError(f"this system has no Unix sockets, as `{text}` is; expected HOST:PORT")
            if tls is not None:
                raise AddressError(
                    f"no TLS is spoken on a Unix socket; leave --tls and --tls-ca out for {text}"
                )
            return cls(role=role, token=token, path=path)
        return cls(*parse_address(text), role, token, tls)

    def __str__(self) -> str:
        """Return HOST:PORT, with brackets around an IPv6 address, or unix:PATH."""
        return (
            format_unix_address(self.path) if self.path is not None else format_address(self.host, self.port)
        )

    @property
    def may_want_tls(self) -> bool:
        """Whether a server that leaves without a word may be one that wants TLS."""
        return self.tls is None and self.path is None

    def connected(self, timeout: float | None) -> socket.socket:
        """Return a socket connected to it.

        Raises:
            OSError: Nobody listens there, or answers in time (`TimeoutError`); None waits for ever.
        """
        if self.path is None:
            sock = socket.create_connection((self.host, self.port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(self.path)
        except BaseException:
            sock.close()
            raise
        return sock
