"""Where a server listens, and how to get in."""

import ssl
from dataclasses import dataclass

from llmri_protocol.addresses import DEFAULT_HOST, DEFAULT_PORT, format_address, parse_address
from llmri_protocol.messages import Role


@dataclass(frozen=True)
class Address:
    """Where a server listens, and how to get in; `tls` says whom to trust, None speaks in the clear."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    role: Role = "controller"
    token: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(
        cls,
        text: str,
        role: Role = "controller",
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> "Address":
        """Take HOST:PORT, HOST, :PORT or [IPV6]:PORT.

        Raises:
            AddressError: It is none of these.
        """
        return cls(*parse_address(text), role, token, tls)

    def __str__(self) -> str:
        """Return HOST:PORT, with brackets around an IPv6 address."""
        return format_address(self.host, self.port)
