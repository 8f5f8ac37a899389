"""The way to a running server; what goes wrong on it is said in one sentence."""

import os
import socket
import ssl
from pathlib import Path

from llmri.client import Client, ConnectionEndedError, RefusedError, connect
from llmri.cluster.errors import ClusterError
from llmri_protocol.addresses import AddressError, parse_address
from llmri_protocol.messages import Role
from llmri_protocol.user_files import TextError, read_text

TOKEN_VARIABLE = "LLMRI_TOKEN"  # noqa: S105 - the variable's name, not a token
PATIENCE = 15.0  # seconds for the server to answer


def reach(address: str, role: Role, token: str | None, tls: ssl.SSLContext | None) -> Client:
    """Connect to a server.

    Raises:
        ClusterError: There is none, or it does not let us in.
    """
    try:
        return connect(address, role=role, token=token, timeout=PATIENCE, tls=tls)
    except RefusedError as error:
        raise ClusterError(f"the server at {address} refused: {error}") from None
    except ConnectionEndedError as error:
        hint = "" if tls else "; if it speaks TLS, give --tls or --tls-ca FILE"
        raise ClusterError(f"no LLMRI server answers at {address}: {error}{hint}") from None
    except TimeoutError:
        raise ClusterError(
            f"{address} did not answer within {PATIENCE:.0f} seconds; is it an LLMRI server?"
        ) from None
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.rstrip(".")
        raise ClusterError(
            f"the server's certificate is not trusted ({why}); if it is the right one, give it: --tls-ca FILE"
        ) from None
    except ssl.SSLError as error:
        raise ClusterError(
            f"no TLS with {address} ({error.reason or error}); leave --tls and --tls-ca out if it has none"
        ) from None
    except socket.gaierror:
        raise ClusterError(f"there is no host {parse_address(address)[0]!r}") from None
    except OSError as error:
        raise ClusterError(
            f"no server answers at {address} ({error.strerror or error}); start one: llmri serve"
        ) from None
    except AddressError as error:
        raise ClusterError(str(error)) from None


def access_token(file: Path | None) -> str | None:
    """Give the access token of a file or of the environment.

    Raises:
        ClusterError: The file can't be read.
    """
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return read_text(file).strip()
    except (OSError, TextError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ClusterError(f"cannot read the access token in {file}: {why}") from None
