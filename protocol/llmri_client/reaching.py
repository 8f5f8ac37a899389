"""The way to a running server for commands; what goes wrong on it is said in one sentence."""

import socket
import ssl
from typing import TypeVar

from llmri_client.address import Address
from llmri_client.channel import Channel
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.options import Credentials
from llmri_client.tls import tls_sentence
from llmri_protocol.addresses import AddressError
from llmri_protocol.messages import Role

PATIENCE = 15.0  # seconds for the server to answer

C = TypeVar("C", bound=Channel)


class UnreachableError(Exception):
    """No way to a server; the message is one sentence."""


def reach(kind: type[C], address: str, role: Role, credentials: Credentials) -> C:
    """Connect a kind of channel to a server.

    Raises:
        UnreachableError: There is none, or it does not let us in.
    """
    try:
        where = credentials.at(address, role)
    except AddressError as error:
        raise UnreachableError(str(error)) from None
    try:
        return kind.open(where, timeout=PATIENCE)
    except (RefusedError, OSError) as error:
        raise UnreachableError(_sentence(address, where, error)) from None


def _sentence(address: str, where: Address, error: RefusedError | OSError) -> str:
    """Say what went wrong, and what would help."""
    match error:
        case RefusedError():
            return f"the server at {address} refused: {error}"
        case ConnectionEndedError():
            hint = "; if it speaks TLS, give --tls or --tls-ca FILE" if where.may_want_tls else ""
            return f"no LLMRI server answers at {address}: {error}{hint}"
        case TimeoutError():
            return f"{address} did not answer within {PATIENCE:.0f} seconds; is it an LLMRI server?"
        case ssl.SSLError():
            return tls_sentence(error)
        case socket.gaierror():
            return f"there is no host {where.host!r}"
        case _:
            option = "" if where.path is None else f" --unix {where.path}"
            return (
                f"no server answers at {address} ({error.strerror or error}); start one: llmri serve{option}"
            )
