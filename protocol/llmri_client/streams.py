"""What a connection calls of its socket."""

from typing import Protocol

from llmri_protocol.frames import Buffer


class Stream(Protocol):
    """What a connection calls of a connected socket: a `socket.socket` in the clear, or a `TlsStream`."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive, give the count, 0 at the end."""
        ...

    def sendall(self, data: Buffer, /) -> None:
        """Send all of it, while another thread may receive."""
        ...

    def settimeout(self, value: float | None, /) -> None:
        """Set how many seconds to wait; None waits for ever."""
        ...

    def shutdown(self, how: int, /) -> None:
        """End the connection; who waits in it wakes."""
        ...

    def close(self) -> None:
        """Give it back to the system."""
        ...
