"""One connection to a model server for asyncio: messages are awaited."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from llmri_client.address import Address
from llmri_client.arrivals import Arrivals
from llmri_client.channel import PATIENCE
from llmri_client.errors import ConnectionEndedError
from llmri_protocol.frames import SERVER_LIMIT
from llmri_protocol.messages import Bye, Command, Role, ServerMessage, Welcome

PIECE = 1 << 16  # bytes worth reading at once


class AsyncChannel:
    """One connection: one task may receive while others send. Cancelling a `receive` loses no message.

    Iterating gives every message in order of arrival, until the server says goodbye.

    Args:
        reader: Where bytes come from.
        writer: Where bytes go.
        limit: Longest body in bytes that the server may send.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limit: int = SERVER_LIMIT
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._arrivals = Arrivals(limit)

    @classmethod
    async def open(
        cls,
        address: Address,
        *,
        client: str = "llmri asyncio",
        timeout: float | None = PATIENCE,
        limit: int = SERVER_LIMIT,
    ) -> Self:
        """Connect to a model server, and be welcomed.

        Args:
            address: Where, and how to get in.
            client: Who calls.
            timeout: Seconds for all of it; None waits for ever.
            limit: Longest body in bytes that the server may send.

        Raises:
            OSError: Nobody listens there, or there can be no TLS (`ssl.SSLError`).
            ConnectionEndedError: The server left without a word, as one that wants TLS does.
            RefusedError: The server does not let this client in.
            TimeoutError: There was no answer in time.
        """
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await _streams(address)
                channel = cls(reader, writer, limit=limit)
                try:
                    await channel._greet(client, address.role, address.token)
                except BaseException:
                    writer.transport.abort()
                    raise
                return channel
        except TimeoutError:
            raise TimeoutError("the server did not answer in time") from None

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

    async def send(self, command: Command) -> None:
        """Send a command, and wait while more is under way than the network takes.

        Raises:
            LocalProtocolError: It may not be sent in this role, or is longer than the server takes.
            ConnectionEndedError: The server is gone.
        """
        data = b"".join(self._arrivals.buffers(command))
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise ConnectionEndedError(f"the connection broke: {error.strerror or error}") from error

    async def receive(self) -> ServerMessage:
        """Wait for the next message, however long.

        Raises:
            ConnectionEndedError: The server is gone, or broke the protocol.
        """
        while (message := self._arrivals.take()) is None:
            try:
                data = await self._reader.read(PIECE)
            except OSError as error:
                raise ConnectionEndedError(f"the connection broke: {error.strerror or error}") from error
            if not data:
                raise ConnectionEndedError("the server closed the connection")
            self._arrivals.add(self._arrivals.connection.feed(data))
        return message

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):  # the server may have been quicker
            await self._writer.wait_closed()

    async def __aiter__(self) -> AsyncIterator[ServerMessage]:
        while True:
            message = await self.receive()
            yield message
            if isinstance(message, Bye):
                return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _greet(self, client: str, role: Role, token: str | None) -> None:
        """Say hello, and wait for the answer; what a server sends that took us for a plain client is none."""
        with contextlib.suppress(ConnectionError):  # who refuses us may be quicker, and what it said is there
            self._writer.write(b"".join(self._arrivals.connection.hello(client, role, token)))
            await self._writer.drain()
        self._arrivals.greeted(await self.receive())


async def _streams(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.path is not None:
        return await asyncio.open_unix_connection(address.path)
    host = address.host if address.tls else None
    return await asyncio.open_connection(address.host, address.port, ssl=address.tls, server_hostname=host)
