"""One blocking connection to a model server: what is sent, and what is waited for."""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar, cast

import msgspec

from llmri_protocol.connection import ClientConnection
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.messages import (
    Answer,
    Bye,
    ClientMessage,
    Command,
    Error,
    Notice,
    Progress,
    Reply,
    Role,
    ServerMessage,
    Stop,
    Welcome,
)
from llmri_protocol.protection import phase_of, with_found

KEPT = 10_000  # messages kept for the iteration; of more the oldest go

Result = TypeVar("Result", bound=Answer)
Watch = Callable[[Progress], None]


class RefusedError(RuntimeError):
    """The server answered with an error; `code` is its word for programs."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.code = error.code


class ConnectionEndedError(ConnectionError):
    """The server is gone, or broke the protocol."""


class Channel:
    """One connection, to be used from one thread.

    Iterating gives every message in order of arrival, until the server says goodbye. Messages that
    arrive while a method waits for its answer are kept for the iteration, the newest 10,000 of them.

    Attributes:
        welcome: What the server said of itself; `welcome.card` describes the model, with the protected units
            that were found since.
        searching: Whether the server still looks for protected units, as far as it has said so.
    """

    def __init__(self, sock: socket.socket, role: Role, token: str | None) -> None:
        self._socket = sock
        self._connection = ClientConnection()
        self._arrived: deque[ServerMessage | RemoteProtocolError] = deque()
        self._kept: deque[ServerMessage] = deque(maxlen=KEPT)
        self._last_id = 0
        self.searching = False
        try:
            self.welcome = self._greet(role, token)
        except BaseException:
            self.close()
            raise

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

    def _greet(self, role: Role, token: str | None) -> Welcome:
        """Say hello, and wait for the answer; what a server sends that took us for a plain client is none."""
        timeout = self._socket.gettimeout()
        deadline = None if timeout is None else time.monotonic() + timeout
        with contextlib.suppress(ConnectionError):  # who refuses us may be quicker, and what it said is there
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for buffer in self._connection.hello("llmri.connect", role, token):
                self._socket.sendall(buffer)
        first = self._next(deadline)
        self._socket.settimeout(timeout)
        if isinstance(first, Error):
            raise RefusedError(first)
        if isinstance(first, Bye):
            raise ConnectionEndedError(f"the server said goodbye: {first.reason}")
        return cast("Welcome", first)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _ask(self, command: Command) -> Reply:
        """Send a command and wait for its reply."""
        self._send(command)
        return next(answer for answer in self._answers(command) if isinstance(answer, Reply))

    def _asked(self, command: Command, kind: type[Result], watch: Watch | None = None) -> Result:
        """Send a command and wait for its result and then its reply.

        Whatever ends the waiting, Ctrl-C or what `watch` raises, stops the command at the server too.
        """
        self._send(command)
        result: Result | None = None
        try:
            for answer in self._answers(command):
                if isinstance(answer, kind):
                    result = answer
                elif isinstance(answer, Progress) and watch is not None:
                    watch(answer)
                elif isinstance(answer, Reply):
                    break
        except RefusedError:
            raise
        except BaseException:
            with contextlib.suppress(OSError):
                self._send(Stop(id=self._next_id(), command=command.id))
            raise
        if result is None:
            raise ConnectionEndedError("the server broke the protocol: it replied without a result")
        return result

    def _answers(self, command: Command) -> Iterator[Answer]:
        """Give the messages with a command's id, as they arrive.

        Raises:
            RefusedError: The command was refused.
        """
        for message in self._wait():
            if not isinstance(message, Answer | Error) or message.id != command.id:
                continue
            if isinstance(message, Error):
                raise RefusedError(message)
            yield message

    def _wait(self) -> Iterator[ServerMessage]:
        """Give messages as they arrive, keeping each for the iteration too."""
        while True:
            message = self._next()
            self._kept.append(message)
            yield message

    def _send(self, message: ClientMessage) -> None:
        for buffer in self._connection.send(message):
            self._socket.sendall(buffer)

    def _next(self, deadline: float | None = None) -> ServerMessage:
        """Wait for the next message, until a time of the monotonic clock where one is given."""
        while not self._arrived:
            try:
                if deadline is not None:
                    self._socket.settimeout(remaining(deadline))
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
        if isinstance(event, Notice):
            self._learn(event)
        return event

    def _learn(self, notice: Notice) -> None:
        """Follow the search for protected units: what it finds belongs to the model's card."""
        phase = phase_of(notice)
        self.searching = phase == "searching" if phase else self.searching
        card = with_found(self.welcome.card, notice)
        if card is not self.welcome.card:
            self.welcome = msgspec.structs.replace(self.welcome, card=card)


def remaining(deadline: float) -> float:
    """Give the seconds until a time of the monotonic clock.

    Raises:
        TimeoutError: It is over.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the server did not answer in time")
    return seconds
