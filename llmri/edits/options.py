"""Options that the subcommands share, and the way to a server that they name."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmri.client import Client
from llmri.cluster.server import access_token, reach
from llmri_protocol.addresses import DEFAULT_HOST, DEFAULT_PORT, format_address
from llmri_protocol.messages import Role
from llmri_viewer.connection.tls import trusting

LOCAL = format_address(DEFAULT_HOST, DEFAULT_PORT)

Address = Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the server listens.")]
Source = Annotated[str, typer.Argument(metavar="FILE|HOST:PORT", help="A set's file, or a server.")]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with the server's access token; or set LLMRI_TOKEN.")
]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS; the system's authorities vouch for the server.")]
TlsCa = Annotated[Path | None, typer.Option(help="Speak TLS, and trust this certificate (PEM) and no other.")]


@dataclass(frozen=True)
class Access:
    """How to get in: the server's token, and whom to trust."""

    token: str | None
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, token_file: Path | None, tls: bool, tls_ca: Path | None) -> "Access":
        """Take what the options say.

        Raises:
            ClusterError: The token can't be read.
            CertificateError: The certificate can't be used.
        """
        return cls(access_token(token_file), trusting(tls_ca) if tls or tls_ca else None)

    def to(self, address: str, role: Role) -> Client:
        """Connect.

        Raises:
            ClusterError: There is no server, or it does not let us in.
        """
        return reach(address, role, self.token, self.tls)
