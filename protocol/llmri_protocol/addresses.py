"""Where a server listens, as people write it: `HOST:PORT` or `unix:PATH`, and where they do not say."""

import re

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 9999
TOKEN_VARIABLE = "LLMRI_TOKEN"  # noqa: S105 - of the environment, for the access token; not a token
HIGHEST_PORT = (1 << 16) - 1
UNIX = "unix:"  # what the address of a Unix socket begins with, before its path
LONGEST_UNIX_PATH = 103  # bytes that every system takes: a little more on Linux

_WRITTEN = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")


class AddressError(ValueError):
    """No address; the message says what was expected."""


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `HOST`, `:PORT` or `[IPV6]:PORT`.

    Without a host that is 127.0.0.1, and without a port 9999.

    Raises:
        AddressError: It is none of these.
    """
    written = _WRITTEN.fullmatch(text)
    port = int(written["port"] or DEFAULT_PORT) if written else 0
    if written is None or not 0 < port <= HIGHEST_PORT or not _may_be_looked_up(written["host"]):
        brackets = ", and an IPv6 address in brackets" if text.count(":") > 1 else ""
        raise AddressError(
            f"`{text}` is no address: expected HOST:PORT with a port from 1 to {HIGHEST_PORT}{brackets}"
        )
    return written["host"].strip("[]") or DEFAULT_HOST, port


def format_address(host: str, port: int) -> str:
    """Return `HOST:PORT`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unix_path(text: str) -> str | None:
    """Return the path of `unix:PATH`; None where a text begins otherwise.

    Raises:
        AddressError: The path is none that a socket can have.
    """
    if not text.startswith(UNIX):
        return None
    path = text.removeprefix(UNIX)
    length = len(path.encode(errors="surrogateescape"))
    if not path or "\0" in path or length > LONGEST_UNIX_PATH:
        raise AddressError(
            f"`{text}` is no address: expected {UNIX}PATH with a path of 1 to {LONGEST_UNIX_PATH} bytes, "
            f"not {length}"
        )
    return path


def format_unix_address(path: str) -> str:
    """Return `unix:PATH`."""
    return f"{UNIX}{path}"


def _may_be_looked_up(host: str) -> bool:
    """Say whether the system's resolver takes a name at all, known or not."""
    try:
        host.strip("[]").encode("idna")
    except UnicodeError:  # an empty label, or one of more than 63 characters
        return False
    return "\0" not in host


DEFAULT_ADDRESS = format_address(DEFAULT_HOST, DEFAULT_PORT)
