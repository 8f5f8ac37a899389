"""The asyncio shell, to a real server with a model that is none."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

import llmri
from llmri_client.address import Address
from llmri_client.async_channel import AsyncChannel
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.tls import trusting
from llmri_protocol.connection import ServerConnection
from llmri_protocol.errors import LocalProtocolError
from llmri_protocol.frames import header
from llmri_protocol.messages import Bye, Chat, Error, Ping, Reply, Scan, Subscribe, Token, TurnEnd
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from tests.server.fakes import FakeRuntime, eventually

PATIENCE = 60


@pytest.fixture
def runtime() -> FakeRuntime:
    runtime = FakeRuntime()
    runtime.width = 20_000  # 240 kB a scan: many TLS records
    return runtime


@pytest.fixture(params=[False, True], ids=["clear", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(runtime: FakeRuntime, certificate: tuple[Path, Path], secure: bool) -> Iterator[Server]:
    tls = tls_context(*certificate) if secure else None
    with Server(runtime, Settings(port=0, max_clients=2), tls=tls) as running:
        yield running


@pytest.fixture
def trusted(certificate: tuple[Path, Path], secure: bool) -> ssl.SSLContext | None:
    return trusting(certificate[0]) if secure else None


@pytest.fixture
def address(server: Server, trusted: ssl.SSLContext | None) -> Address:
    return Address("localhost", server.address[1], tls=trusted)


def within(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE))


def test_a_turn_is_asked_for_and_its_messages_are_iterated(address: Address) -> None:
    async def work() -> None:
        async with await AsyncChannel.open(address, client="a test") as channel:
            assert channel.welcome.card.name == "fake"
            await channel.send(Subscribe(id=1, sites=("resid_post",)))
            await channel.send(Chat(id=2, text="hello"))
            came = []
            async for message in channel:
                came.append(message)
                if isinstance(message, TurnEnd):
                    break
        assert [message.id for message in came if isinstance(message, Reply)] == [1, 2]
        said = "".join(message.text for message in came if isinstance(message, Token))
        assert "one two three" in said
        scans = [message for message in came if isinstance(message, Scan)]
        assert scans
        assert all(llmri.array_of(scan).shape == (3, 20_000) for scan in scans)

    within(work())


def test_one_task_waits_while_another_sends_and_giving_up_loses_nothing(address: Address) -> None:
    async def work() -> None:
        async with await AsyncChannel.open(address) as channel:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_reply(channel), 0.05)
            waiting = asyncio.create_task(_reply(channel))
            await asyncio.gather(*(channel.send(Ping(id=number)) for number in range(1, 20)))
            assert (await waiting).id == 1
            assert [(await _reply(channel)).id for _ in range(18)] == list(range(2, 20))

    within(work())


async def _reply(channel: AsyncChannel) -> Reply:
    while not isinstance(message := await channel.receive(), Reply):
        pass
    return message


def test_a_goodbye_ends_the_iteration_and_what_is_sent_after_it_is_refused(
    server: Server, address: Address
) -> None:
    async def work() -> None:
        async with await AsyncChannel.open(address) as channel:
            await asyncio.to_thread(server.close)
            last = [message async for message in channel][-1]
            assert isinstance(last, Bye)
            with pytest.raises(ConnectionEndedError):
                await channel.send(Ping(id=1))

    within(work())


def test_a_full_server_says_so(server: Server, address: Address) -> None:
    async def work() -> None:
        first, second = await AsyncChannel.open(address), await AsyncChannel.open(address)
        for _ in range(20):
            with pytest.raises(RefusedError, match="as many clients as it takes") as told:
                await AsyncChannel.open(address)
            assert told.value.code == "too_many_clients"
        await first.close()
        await second.close()
        await asyncio.to_thread(eventually, lambda: len(server.hub) == 0)
        await (await AsyncChannel.open(address)).close()

    within(work())


def test_a_viewer_may_not_chat(server: Server, trusted: ssl.SSLContext | None) -> None:
    async def work() -> None:
        where = Address("localhost", server.address[1], "viewer", tls=trusted)
        async with await AsyncChannel.open(where) as channel:
            with pytest.raises(LocalProtocolError, match="viewer"):
                await channel.send(Chat(id=1, text="hello"))

    within(work())


async def _against(answer: Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]) -> None:
    """Connect to something that only answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(writer)
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        address = Address(port=listening.sockets[0].getsockname()[1])
        await AsyncChannel.open(address, timeout=0.5)


def test_whoever_only_speaks_the_plain_dialect_is_waited_for_until_the_deadline() -> None:
    async def talk(writer: asyncio.StreamWriter) -> None:
        for _ in range(500):
            writer.write(header(2) + b"{}")
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(TimeoutError, match="did not answer in time"):
        within(_against(talk))


def test_a_refusal_in_the_plain_dialect_is_read_behind_plain_frames() -> None:
    plain = ServerConnection()
    plain.assume_plain()
    refusal = b"".join(plain.send(Error(code="too_many_clients", message="full")))

    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(header(2) + b"{}" + refusal)

    with pytest.raises(RefusedError, match="full"):
        within(_against(talk))


def test_a_server_that_leaves_or_speaks_nonsense_ends_the_connection() -> None:
    async def leave(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def babble(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 8)

    with pytest.raises(ConnectionEndedError, match=r"closed the connection|the connection broke"):
        within(_against(leave))
    with pytest.raises(ConnectionEndedError, match="broke the protocol"):
        within(_against(babble))


def test_an_untrusted_certificate_is_refused(certificate: tuple[Path, Path], runtime: FakeRuntime) -> None:
    with Server(runtime, Settings(port=0), tls=tls_context(*certificate)) as server:
        address = Address("localhost", server.address[1], tls=trusting(None))
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            within(_open(address))


async def _open(address: Address) -> None:
    await AsyncChannel.open(address)
