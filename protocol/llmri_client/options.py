"""The options with which commands name a server, and what they say: an address, a token, whom to trust."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmri_client.address import Address
from llmri_client.tls import trusting
from llmri_protocol.addresses import TOKEN_VARIABLE
from llmri_protocol.messages import Role
from llmri_protocol.user_files import TextError, read_text

WHERE = "Where the server listens; or unix:PATH."
Where = Annotated[str, typer.Argument(metavar="HOST:PORT", help=WHERE)]
TokenFile = Annotated[
    Path | None, typer.Option(help=f"File with the server's access token; or set {TOKEN_VARIABLE}.")
]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS; the system's authorities vouch for the server.")]
TlsCa = Annotated[Path | None, typer.Option(help="Speak TLS, and trust this certificate (PEM) and no other.")]


class TokenError(ValueError):
    """The access token can't be read; the message says why."""


@dataclass(frozen=True)
class Credentials:
    """How to get in: the server's access token, and whom to trust where TLS is spoken."""

    token: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, token_file: Path | None, tls: bool, tls_ca: Path | None) -> "Credentials":
        """Take what the options say.

        Raises:
            TokenError: The token can't be read.
            CertificateError: The certificate can't be used.
        """
        return cls(access_token(token_file), trusting(tls_ca) if tls or tls_ca else None)

    def at(self, address: str, role: Role) -> Address:
        """Return an address with these.

        Raises:
            AddressError: It is none.
        """
        return Address.parse(address, role, self.token, self.tls)


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """How a command line says how to get in."""

    token_file: TokenFile = None
    tls: Tls = False
    tls_ca: TlsCa = None

    def read(self) -> Credentials:
        """Return what they say.

        Raises:
            TokenError: The token can't be read.
            CertificateError: The certificate can't be used.
        """
        return Credentials.of(self.token_file, self.tls, self.tls_ca)


def access_token(file: Path | None) -> str | None:
    """Return the access token of a file or of the environment.

    Raises:
        TokenError: The file can't be read.
    """
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return read_text(file).strip()
    except (OSError, TextError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise TokenError(f"cannot read the access token in {file}: {why}") from None
