"""A blocking client for scripts and notebooks: connect, talk, edit, and read what happens."""

import contextlib
import itertools
import socket
import ssl
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, cast

from llmri_protocol.connection import ClientConnection
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.messages import (
    Bye,
    Chat,
    ClearInterventions,
    ClientMessage,
    Command,
    Edit,
    Error,
    Intervene,
    Redo,
    Reply,
    Role,
    ServerMessage,
    Site,
    Subscribe,
    TurnEnd,
    Undo,
    Welcome,
    WishedDtype,
)

DEFAULT_PORT = 9999
KEPT = 10_000  # messages kept for the iteration; of more the oldest go


class RefusedError(RuntimeError):
    """The server answered with an error; `code` is its word for programs."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.code = error.code


class ConnectionEndedError(ConnectionError):
    """The server is gone, or broke the protocol."""


def parse_address(address: str) -> tuple[str, int]:
    """Give host and port of `HOST:PORT`, `HOST`, `:PORT` or `[IPV6]:PORT`; the port is 9999 if none is named.

    Raises:
        ValueError: The port is no number from 1 to 65535.
    """
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{port!r} is no port, expected a number from 1 to 65535 as in 127.0.0.1:9999")
    return host.strip("[]") or "127.0.0.1", int(port)


def connect(
    address: str = f"127.0.0.1:{DEFAULT_PORT}",
    *,
    role: Role = "controller",
    token: str | None = None,
    timeout: float | None = 60.0,
    tls: ssl.SSLContext | None = None,
) -> "Client":
    """Connect to a model server.

    Args:
        address: `HOST:PORT`.
        role: A `viewer` looks, a `controller` may also chat and edit.
        token: The server's access token, where it has one.
        timeout: Seconds to wait for any one message before `TimeoutError`; None waits for ever.
        tls: Speak TLS and trust whom this trusts, such as `ssl.create_default_context(cafile="llmri.pem")`.

    Raises:
        OSError: Nobody listens there, or there can be no TLS (`ssl.SSLError`).
        ConnectionEndedError: The server left without a word, as one that wants TLS does.
        RefusedError: The server does not let this client in.
    """
    host, port = parse_address(address)
    sock = socket.create_connection((host, port), timeout)
    return Client(sock if tls is None else tls.wrap_socket(sock, server_hostname=host), role, token)


class Client:
    """One connection to a model server, to be used from one thread.

    Iterating gives every message in order of arrival, until the server says goodbye. Messages that
    arrive while a method waits for its answer are kept for the iteration, the newest 10,000 of them.

    Attributes:
        welcome: What the server said of itself; `welcome.card` describes the model.
    """

    def __init__(self, sock: socket.socket, role: Role, token: str | None) -> None:
        self._socket = sock
        self._connection = ClientConnection()
        self._arrived: deque[ServerMessage | RemoteProtocolError] = deque()
        self._kept: deque[ServerMessage] = deque(maxlen=KEPT)
        self._last_id = 0
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for buffer in self._connection.hello("llmri.connect", role, token):
            self._socket.sendall(buffer)
        first = self._next()
        if isinstance(first, Error):
            self.close()
            raise RefusedError(first)
        self.welcome = cast("Welcome", first)

    def say(self, text: str, *, new: bool = False) -> int:
        """Say something and give the number of its turn at once; what happens in it comes by iteration."""
        turn = self._ask(Chat(id=self._next_id(), text=text, new=new)).turn
        if turn is None:
            raise ConnectionEndedError("the server took what was said and gave its turn no number")
        return turn

    def chat(self, text: str, *, new: bool = False) -> TurnEnd:
        """Say something and wait for the end of that turn; what happens meanwhile is kept for iteration."""
        turn = self.say(text, new=new)
        messages = itertools.chain(tuple(self._kept), self._wait())  # a short turn may end before the reply
        return next(end for end in messages if isinstance(end, TurnEnd) and end.turn == turn)

    def intervene(self, edits: Sequence[Edit], *, force: bool = False) -> None:
        """Add edits, all of them or none."""
        self._ask(Intervene(id=self._next_id(), edits=tuple(edits), force=force))

    def undo(self) -> None:
        """Take back the last change of the edits."""
        self._ask(Undo(id=self._next_id()))

    def redo(self) -> None:
        """Make the change again that was taken back last."""
        self._ask(Redo(id=self._next_id()))

    def clear_interventions(self) -> None:
        """Remove every edit."""
        self._ask(ClearInterventions(id=self._next_id()))

    def subscribe(
        self,
        *sites: Site,
        layers: Sequence[int] | None = None,
        dtype: WishedDtype = "native",
        every: int = 1,
        prompt_tokens: bool = True,
    ) -> None:
        """Ask for scans at these sites, of some layers or of all."""
        self._ask(
            Subscribe(
                id=self._next_id(),
                sites=sites,
                layers=None if layers is None else tuple(layers),
                dtype=dtype,
                every=every,
                prompt_tokens=prompt_tokens,
            )
        )

    def messages(self) -> list[ServerMessage]:
        """Give what was kept so far, without waiting."""
        kept = list(self._kept)
        self._kept.clear()
        return kept

    def close(self) -> None:
        """End the connection; another thread that waits for a message gets `ConnectionEndedError`."""
        with contextlib.suppress(OSError):  # the server may have been quicker
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __iter__(self) -> Iterator[ServerMessage]:
        while True:
            message = self._kept.popleft() if self._kept else self._next()
            yield message
            if isinstance(message, Bye):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _ask(self, command: Command) -> Reply:
        self._send(command)
        for message in self._wait():
            if isinstance(message, Reply | Error) and message.id == command.id:
                if isinstance(message, Error):
                    raise RefusedError(message)
                return message
        raise ConnectionEndedError("the server ended the connection")

    def _wait(self) -> Iterator[ServerMessage]:
        """Give messages as they arrive, keeping each for the iteration too."""
        while True:
            message = self._next()
            self._kept.append(message)
            yield message

    def _send(self, message: ClientMessage) -> None:
        for buffer in self._connection.send(message):
            self._socket.sendall(buffer)

    def _next(self) -> ServerMessage:
        """Wait for the next message."""
        while not self._arrived:
            try:
                count = self._socket.recv_into(self._connection.buffer())
            except TimeoutError:
                raise
            except OSError as error:
                raise ConnectionEndedError(f"the connection broke: {error.strerror}") from error
            if not count:
                raise ConnectionEndedError("the server closed the connection")
            self._arrived += self._connection.advance(count)
        event = self._arrived.popleft()
        if isinstance(event, RemoteProtocolError):
            raise ConnectionEndedError(f"the server broke the protocol: {event}")
        return event
