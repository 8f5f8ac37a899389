"""One blocking connection to a model server: what is sent, and what is waited for."""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

from llmri_client.address import Address
from llmri_client.arrivals import Arrivals
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.streams import Stream
from llmri_client.tls import secured
from llmri_protocol.messages import (
    Answer,
    Bye,
    ClientMessage,
    Command,
    Error,
    Logits,
    Progress,
    Reply,
    Role,
    Scan,
    ServerMessage,
    Stop,
    Token,
    Welcome,
)

KEPT = 10_000  # messages kept for the iteration; of more the oldest go
PATIENCE = 60.0  # seconds to wait for any one message, unless another time is asked for

Result = TypeVar("Result", bound=Answer)
Watch = Callable[[Progress], None]


class Channel:
    """One connection, to be used from one thread.

    Iterating gives every message in order of arrival, until the server says goodbye. Messages that
    arrive while a method waits for its answer are kept for the iteration, the newest 10,000 of them.

    Args:
        stream: Connected.
        role: What to ask for.
        token: The server's access token, where it has one.
        timeout: Seconds to wait for any one message before `TimeoutError`; None waits for ever.
        client: Who calls.
    """

    def __init__(
        self,
        stream: Stream,
        role: Role,
        token: str | None,
        *,
        timeout: float | None = PATIENCE,
        client: str = "llmri.connect",
    ) -> None:
        self._stream = stream
        self._timeout = timeout
        self._arrivals = Arrivals()
        self._kept: deque[ServerMessage] = deque(maxlen=KEPT)
        self._last_id = 0
        try:
            self._greet(client, role, token)
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, address: Address, *, timeout: float | None = PATIENCE) -> Self:
        """Connect to a model server.

        Raises:
            OSError: Nobody listens there, or there can be no TLS (`ssl.SSLError`).
            ConnectionEndedError: The server left without a word, as one that wants TLS does.
            RefusedError: The server does not let this client in.
            TimeoutError: There was no answer in time.
        """
        sock = address.connected(timeout)
        try:
            stream = secured(sock, address.tls, address.host, _after(timeout))
        except BaseException:
            sock.close()
            raise
        return cls(stream, address.role, address.token, timeout=timeout)

    @property
    def welcome(self) -> Welcome:
        """What the server said of itself; its card is the newest."""
        return self._arrivals.welcome

    @property
    def searching(self) -> bool:
        """Whether the server still looks for protected units, as far as it has said so."""
        return self._arrivals.searching

    @property
    def skipped(self) -> Mapping[str, int]:
        """How often the server said something that this end does not know, by what it was in words."""
        return self._arrivals.connection.skipped

    def messages(self) -> list[ServerMessage]:
        """Return what was kept so far, without waiting."""
        kept = list(self._kept)
        self._kept.clear()
        return kept

    def close(self) -> None:
        """End the connection; another thread that waits for a message gets `ConnectionEndedError`."""
        with contextlib.suppress(OSError):  # the server may have been quicker
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

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

    def _greet(self, client: str, role: Role, token: str | None) -> None:
        """Say hello, and wait for the answer; what a server sends that took us for a plain client is none."""
        deadline = _after(self._timeout)
        self._stream.settimeout(self._timeout)
        with contextlib.suppress(ConnectionError):  # who refuses us may be quicker, and what it said is there
            for buffer in self._arrivals.connection.hello(client, role, token):
                self._stream.sendall(buffer)
        self._arrivals.greeted(self._next(deadline))
        self._stream.settimeout(self._timeout)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _ask(self, command: Command) -> Reply:
        """Send a command and wait for its reply."""
        self._send(command)
        return next(answer for answer in self._answers(command) if isinstance(answer, Reply))

    def _asked(self, command: Command, kind: type[Result], watch: Watch | None = None) -> Result:
        """Send a command and wait for its result and then its reply, as `_gather` does."""
        return last_of(kind, self._gather(command, watch))

    def _gather(self, command: Command, watch: Watch | None = None) -> list[ServerMessage]:
        """Send a command, wait for its reply, and return what came before, but for the progress.

        Whatever ends the waiting, Ctrl-C or what `watch` raises, stops the command at the server too.
        """
        self._send(command)
        results: list[ServerMessage] = []
        try:
            for answer in self._answers(command):
                if isinstance(answer, Reply):
                    return results
                if not isinstance(answer, Progress):
                    results.append(answer)
                elif watch is not None:
                    watch(answer)
        except RefusedError:
            raise
        except BaseException:
            with contextlib.suppress(OSError):
                self._send(Stop(id=self._next_id(), command=command.id))
            raise
        raise ConnectionEndedError("the server ended before it replied")  # `_wait` never ends by itself

    def _answers(self, command: Command) -> Iterator[ServerMessage]:
        """Yield the messages that answer a command, as they arrive.

        Raises:
            RefusedError: The command was refused.
        """
        for message in self._wait():
            if _answered(message) != command.id:
                continue
            if isinstance(message, Error):
                raise RefusedError(message)
            yield message

    def _wait(self) -> Iterator[ServerMessage]:
        """Yield messages as they arrive, keeping each for the iteration too, but scans for a command."""
        while True:
            message = self._next()
            if not _is_apart(message):
                self._kept.append(message)
            yield message

    def _send(self, message: ClientMessage) -> None:
        buffers = self._arrivals.buffers(message)
        try:
            for buffer in buffers:
                self._stream.sendall(buffer)
        except TimeoutError:
            raise
        except OSError as error:
            raise ConnectionEndedError(f"the connection broke: {error.strerror or error}") from error

    def _next(self, deadline: float | None = None) -> ServerMessage:
        """Wait for the next message, until a time of the monotonic clock where one is given."""
        connection = self._arrivals.connection
        while (message := self._arrivals.take()) is None:
            try:
                if deadline is not None:
                    self._stream.settimeout(remaining(deadline))
                count = self._stream.recv_into(connection.buffer())
            except TimeoutError:
                raise
            except OSError as error:
                raise ConnectionEndedError(f"the connection broke: {error.strerror}") from error
            if not count:
                raise ConnectionEndedError("the server closed the connection")
            self._arrivals.add(connection.advance(count))
        return message


def _is_apart(message: ServerMessage) -> bool:
    """Whether it is a large part of an answer, which who asked gets and nobody else wants."""
    return isinstance(message, Logits) or (isinstance(message, Scan | Token) and message.command is not None)


def _answered(message: ServerMessage) -> int | None:
    """Return the id of the command that a message answers; None where it answers none."""
    if isinstance(message, Scan | Token):
        return message.command
    return message.id if isinstance(message, Answer | Error) else None


def last_of(kind: type[Result], answers: Iterable[ServerMessage]) -> Result:
    """Return the result among what answers a command.

    Raises:
        ConnectionEndedError: There is none.
    """
    results = [answer for answer in answers if isinstance(answer, kind)]
    if not results:
        raise ConnectionEndedError("the server broke the protocol: it replied without a result")
    return results[-1]


def remaining(deadline: float) -> float:
    """Return the seconds until a time of the monotonic clock.

    Raises:
        TimeoutError: It is over.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the server did not answer in time")
    return seconds


def _after(seconds: float | None) -> float | None:
    """Return the time of the monotonic clock after so many seconds."""
    return None if seconds is None else time.monotonic() + seconds
