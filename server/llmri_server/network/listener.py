"""Where clients come in: what the server asks of a listener, and what those on a socket have in common."""

import contextlib
import socket
from abc import ABC, abstractmethod
from typing import Protocol

from llmri_server.network.transport import ClearTransport, Transport

BACKLOG = 64  # connections the system keeps until they are accepted


class Listener(Protocol):
    """One place where clients come in.

    Its constructor finds what is wrong with the place, before a model is loaded; from `listen` on clients
    are kept waiting until one thread calls `accept`.
    """

    @property
    def address(self) -> str:
        """What clients write to come in here."""
        ...

    def listen(self) -> None:
        """Let clients come.

        Raises:
            ServeError: Another program has taken the place meanwhile.
        """
        ...

    def accept(self) -> tuple[socket.socket, str]:
        """Wait for the next connection; return it, and the host that it comes from.

        Raises:
            OSError: It is gone again, or there can be none now, or `wake` was called.
        """
        ...

    def transport(self, connection: socket.socket) -> Transport:
        """Return what carries messages over an accepted connection, not yet open.

        Raises:
            OSError: The connection is gone.
        """
        ...

    def wake(self) -> None:
        """Let who waits in `accept` return; nobody comes in any more."""
        ...

    def close(self) -> None:
        """Give the place back, when no thread uses it any more."""
        ...


class SocketListener(ABC):
    """A listener on a socket, in the clear.

    Args:
        place: The socket, which the listener closes.
    """

    def __init__(self, place: socket.socket) -> None:
        self._place = place

    @property
    @abstractmethod
    def address(self) -> str:
        """What clients write to come in here."""

    @abstractmethod
    def listen(self) -> None:
        """Let clients come."""

    @abstractmethod
    def accept(self) -> tuple[socket.socket, str]:
        """Wait for the next connection; return it, and the host that it comes from."""

    @abstractmethod
    def knock(self) -> None:
        """Connect for a moment, to wake who accepts."""

    def transport(self, connection: socket.socket) -> Transport:
        """Return the connection as it is."""
        return ClearTransport(connection)

    def wake(self) -> None:
        """Shut the socket down."""
        try:
            self._place.shutdown(socket.SHUT_RDWR)  # wakes `accept` on Linux
        except OSError:
            with contextlib.suppress(OSError):  # nothing accepts there, so nothing waits either
                self.knock()  # and where it can't

    def close(self) -> None:
        """Close the socket."""
        self._place.close()
