"""Who gets in: the access token, and TLS."""

import contextlib
import logging
import os
import ssl
import stat
from pathlib import Path

from llmri_protocol.addresses import TOKEN_VARIABLE
from llmri_protocol.user_files import TextError, read_text

SHORTEST_TOKEN = 8
OTHERS = stat.S_IRWXG | stat.S_IRWXO  # what a secret's file grants to nobody but its owner

log = logging.getLogger(__name__)


class ServeError(RuntimeError):
    """The server can't be started as it was asked to; the message is one sentence for the user."""


def access_token(file: Path | None) -> str | None:
    """Return the access token of a file, else of the environment, else None.

    Raises:
        ServeError: The file can't be read, or the token is too short to keep anybody out.
    """
    if file is None:
        token, source = os.environ.get(TOKEN_VARIABLE, ""), f"the environment variable {TOKEN_VARIABLE}"
        if not token:
            return None
    else:
        token, source = _read_secret(file, "token file"), f"the token file {file}"
    token = token.strip()
    if len(token) < SHORTEST_TOKEN:
        raise ServeError(
            f"{source} holds a token of {len(token)} characters, expected at least {SHORTEST_TOKEN}"
        )
    return token


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the TLS side of a server with this certificate chain, None where there is none.

    Raises:
        ServeError: One of the two files is missing or doesn't fit the other.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ServeError("TLS needs both --tls-cert and --tls-key, only one was given")
    _read(certificate, "TLS certificate")
    _read_secret(key, "TLS key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ServeError(f"{certificate} and {key} are no certificate and key for TLS: {error}") from None
    return context


def _read(file: Path, what: str) -> str:
    try:
        return read_text(file)
    except OSError as error:
        raise ServeError(f"cannot read the {what} {file}: {error.strerror}") from None
    except TextError as error:
        raise ServeError(f"the {what} {file} can't be used: {error}") from None


def _read_secret(file: Path, what: str) -> str:
    """Read a file that only its owner should; where others may too, that is said."""
    text = _read(file, what)
    with contextlib.suppress(OSError):
        status = file.stat()
        if os.name == "posix" and stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            log.warning(
                "the %s %s is open to other users of this machine (mode %04o, expected 0600): chmod 600 %s",
                what,
                file,
                mode,
                file,
            )
    return text


def _no_password() -> str:
    raise ValueError("the key has a password; store it without one, readable by you alone")
