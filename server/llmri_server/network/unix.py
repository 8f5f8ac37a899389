"""Clients of this machine's same user: a Unix socket, a file that nobody else may open."""

import os
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmri_protocol.addresses import LONGEST_UNIX_PATH, format_unix_address
from llmri_server.network.access import ServeError
from llmri_server.network.listener import BACKLOG, SocketListener

OWNER_ALONE = stat.S_IRUSR | stat.S_IWUSR
ANSWER_SECONDS = 1.0  # that a living server has to accept
HOST = "this machine"  # where every client comes from


class UnixListener(SocketListener):
    """Listens on a Unix socket, whose file appears when clients may come and goes with the server.

    The file of a server that is dead is replaced. A socket at the file that refuses is one of a dead server,
    because ours is put there only when it listens already.

    Args:
        path: The file.

    Raises:
        ServeError: A living server or a file is there, or there can be no socket.
    """

    def __init__(self, path: Path) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise ServeError("this system has no Unix sockets; leave --unix out")
        self.path = path.absolute()
        self._file: tuple[int, int] | None = None  # its device and number, once it is there
        length = len(os.fsencode(self.path))
        if length > LONGEST_UNIX_PATH:
            raise ServeError(
                f"{self.path} is {length} bytes long, and the path of a socket at most {LONGEST_UNIX_PATH}"
            )
        with self._told():
            _find_free(self.path)
            if not os.access(self.path.parent, os.W_OK | os.X_OK):
                raise ServeError(
                    f"cannot listen on {self.address}: no file can be made in {self.path.parent}"
                )
        super().__init__(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))

    @property
    def address(self) -> str:
        """`unix:PATH`."""
        return format_unix_address(str(self.path))

    def listen(self) -> None:
        """Make the file and let clients come."""
        hidden = self.path.with_name(f".{secrets.token_hex(4)}")
        with self._told(), _alone_in(self.path.parent):
            if _find_free(self.path):
                self.path.unlink()
            self._place.bind(str(hidden))
            try:
                hidden.chmod(OWNER_ALONE)
                self._place.listen(BACKLOG)
                hidden.rename(self.path)
            except OSError:
                hidden.unlink()
                raise
            self._file = _number(self.path)

    def accept(self) -> tuple[socket.socket, str]:
        """Wait for the next connection."""
        return self._place.accept()[0], HOST

    def knock(self) -> None:
        """Connect for a moment."""
        _answers(self.path)

    def close(self) -> None:
        """Close the socket and remove its file, if it is still this server's."""
        super().close()
        with suppress(OSError):  # somebody removed it
            if self._file is not None and _number(self.path) == self._file:
                self.path.unlink()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ServeError(f"cannot listen on {self.address}: {error.strerror or error}") from None


def _find_free(path: Path) -> bool:
    """See that no living server has a path; return whether the file of a dead one is there.

    Raises:
        ServeError: A living one has, or what is there is no socket.
        OSError: It can't be seen.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(mode):
        raise ServeError(f"{path} is there and is no socket; name another file with --unix")
    if _answers(path):
        raise ServeError(f"a server listens on {path} already; end it, or name another file with --unix")
    return True


def _answers(path: Path) -> bool:
    """Say whether somebody listens on a socket's file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWER_SECONDS)
        try:
            asking.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (TimeoutError, BlockingIOError):  # more wait there than it takes
            return True
    return True


def _number(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let no other server make a socket's file in a folder meanwhile."""
    import fcntl  # noqa: PLC0415  # Windows has none

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
