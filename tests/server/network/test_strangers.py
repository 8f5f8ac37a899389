"""Slow, silent and stalled sockets: none of them keeps anybody out, and who is refused reads why."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from llmri_protocol.connection import ClientConnection, FromServer
from llmri_protocol.frames import header
from llmri_protocol.messages import Error, Reply, Role, Subscribe, TurnEnd, Welcome
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from llmri_server.network.admission import STRANGERS
from tests.server.fakes import Connect, Eventually, FakeRuntime, Viewer

PATIENCE = 60
PING = header(15) + b'{"type":"ping"}'


@pytest.fixture
def secured(runtime: FakeRuntime, certificate: tuple[Path, Path]) -> Iterator[Server]:
    with Server(runtime, Settings(port=0, max_clients=2), tls=tls_context(*certificate)) as server:
        yield server


@contextlib.contextmanager
def sockets(server: Server, count: int, host: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                socket.create_connection(server.address, timeout=PATIENCE, source_address=(host, 0))
            )
            for _ in range(count)
        ]


def rest(connection: socket.socket) -> bytes:
    """Receive to the end of the stream; a reset fails the test."""
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


def plain_error(connection: socket.socket) -> str:
    data = rest(connection)
    bodies = []
    while data:
        (length,) = struct.unpack_from(">I", data)
        bodies.append(json.loads(data[4 : 4 + length]))
        data = data[4 + length :]
    return str(bodies[-1]["code"])


def welcomed_in_tls(server: Server, certificate: Path, role: Role = "viewer") -> Welcome | Error:
    context = ssl.create_default_context(cafile=certificate)
    raw = socket.create_connection(server.address, timeout=PATIENCE)
    with context.wrap_socket(raw, server_hostname="localhost") as connection:
        client = ClientConnection()
        connection.sendall(b"".join(client.hello("test", role)))
        events: list[FromServer] = []
        while not events:
            count = connection.recv_into(client.buffer())
            assert count, "the server left without a word"
            events = client.advance(count)
        assert isinstance(events[0], Welcome | Error)
        return events[0]


def trickle(connections: list[socket.socket], piece: bytes, over: threading.Event) -> None:
    """Send a byte on every connection now and then, as long as there is one."""
    for offset in range(len(piece)):
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.send(piece[offset : offset + 1])
        if over.wait(0.05):
            return


@contextlib.contextmanager
def trickling(connections: list[socket.socket], piece: bytes) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=trickle, args=(connections, piece, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_handshake_of_tls_has_one_deadline_however_it_trickles(
    secured: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.HANDSHAKE", 0.4)
    record = b"\x16\x03\x01\x40\x00" + b"\x01" + bytes(5000)  # a ClientHello of 16 kB that never ends
    with sockets(secured, 3) as slow, trickling(slow, record):
        for connection in slow:
            with contextlib.suppress(ConnectionResetError):  # its last bytes were never read
                assert rest(connection) == b""


def test_a_hello_that_trickles_has_the_same_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmri_server.network.client.HANDSHAKE", 0.4)
    with sockets(server, 3) as slow, trickling(slow, header(5000) + b"\x85" + bytes(4999)):
        assert all(b"hello_expected" in rest(connection) for connection in slow)


@pytest.mark.parametrize("piece", [b"", b"\x16\x03\x01\x40\x00\x01"], ids=["silent", "a byte at a time"])
def test_many_slow_strangers_keep_nobody_out_of_a_tls_server(
    secured: Server, certificate: tuple[Path, Path], piece: bytes
) -> None:
    with sockets(secured, 3 * STRANGERS) as slow:
        for connection in slow:
            connection.sendall(piece[:1])
        with trickling(slow, piece[1:]):
            for _ in range(3):
                assert isinstance(welcomed_in_tls(secured, certificate[0]), Welcome)


def test_a_crowd_from_one_address_pushes_out_itself_and_no_other(
    server: Server, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 60.0)
    monkeypatch.setattr("llmri_server.network.client.HANDSHAKE", 60.0)
    with sockets(server, 1, "127.0.0.9") as (other,), sockets(server, 3 * STRANGERS) as crowd:
        assert b"too_many_clients" in rest(crowd[0])
        other.sendall(b"".join(ClientConnection().hello("slow")))
        assert b"welcome" in other.recv(65536)


def test_silent_clients_give_way_to_who_says_hello_the_oldest_first(
    server: Server, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.05)
    most = server.settings.max_clients
    with contextlib.ExitStack() as stack:
        silent = []
        for count in range(1, most + 1):
            silent += stack.enter_context(sockets(server, 1))
            eventually(partial(inside, server, count))
        comers = []
        for gone in silent[:2]:
            comers.append(connect())
            assert isinstance(comers[-1].receive(), Welcome)
            assert plain_error(gone) == "too_many_clients"
        assert len(server.hub) == most
        comers[0].tell(Subscribe, sites=("resid_post",))
        comers[0].until(Reply)
        server.chat("hello").reply(PATIENCE)
        assert silent[-1].recv(4096)  # who is left is served


def test_a_plain_client_that_spoke_and_native_ones_do_not_give_way(
    server: Server, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.05)
    most = server.settings.max_clients
    with sockets(server, 2) as (spoke, speaks_late), sockets(server, 1) as (newcomer,):
        eventually(lambda: len(server.hub) == 3)
        for connection in (spoke, speaks_late, newcomer):
            connection.sendall(PING)
            assert b"pong" in connection.recv(4096)
        inside = [connect() for _ in range(most - 3)]
        for viewer in inside:
            viewer.expect(Welcome)
        assert connect().expect(Error).code == "too_many_clients"
        spoke.sendall(PING)
        assert b"pong" in spoke.recv(4096)


def test_a_silent_newcomer_does_not_push_out_a_silent_member(
    server: Server, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.05)
    with sockets(server, server.settings.max_clients) as silent:
        eventually(lambda: len(server.hub) == server.settings.max_clients)
        with sockets(server, 1) as (newcomer,):
            assert plain_error(newcomer) == "too_many_clients"
        for connection in silent:
            connection.sendall(PING)
            assert b"pong" in connection.recv(4096)


def test_a_full_tls_server_refuses_in_tls(secured: Server, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            raw = socket.create_connection(secured.address, timeout=PATIENCE)
            inside = stack.enter_context(context.wrap_socket(raw, server_hostname="localhost"))
            inside.sendall(b"".join(ClientConnection().hello("in")))
            assert b"welcome" in inside.recv(65536)
        for _ in range(2 * STRANGERS):  # those refused before keep no place
            refused = welcomed_in_tls(secured, certificate[0])
            assert isinstance(refused, Error)
            assert refused.code == "too_many_clients"


def test_refused_ones_that_linger_keep_no_place(
    server: Server, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.LINGER", 60.0)
    inside = [connect() for _ in range(server.settings.max_clients)]
    for viewer in inside:
        viewer.expect(Welcome)
    lingering = [connect() for _ in range(3 * STRANGERS)]
    for viewer in lingering:  # they know, and do not leave
        assert viewer.expect(Error).code == "too_many_clients"
    inside[0].close()
    eventually(lambda: len(server.hub) < server.settings.max_clients)
    assert isinstance(connect().receive(), Welcome)


def test_a_peer_that_sends_without_end_is_not_listened_to_for_ever(
    server: Server, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.LINGER", 0.2)
    with sockets(server, 1) as (flood,):
        flood.sendall(header(2**31))
        with contextlib.suppress(OSError):
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                flood.sendall(bytes(1 << 16))
            pytest.fail("it was read on")


def test_a_stalled_viewer_over_its_limits_is_ended_though_its_sender_waits(
    runtime: FakeRuntime, connect_to: Connect, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.width = 1 << 20  # 12 MB a scan: more than the system holds, so that the sender waits in one
    runtime.words = [f"word{number} " for number in range(400)]
    with Server(runtime, Settings(port=0, queue_messages=100, queue_scans=2)) as server:
        stalled = connect_to(server)
        stalled.receive()
        stalled.tell(Subscribe, sites=("resid_post",))
        stalled.until(Reply)
        assert server.chat("go").reply(PATIENCE) == "".join(runtime.words)
        eventually(lambda: len(server.hub) == 0)
    assert "too many messages were waiting" in caplog.text


@pytest.mark.parametrize("role", ["viewer", "controller"])
def test_a_late_hello_wins_in_the_middle_of_a_stream_of_plain_frames(
    server: Server,
    runtime: FakeRuntime,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.05)
    runtime.words = ["word "] * 300
    go_on = threading.Event()
    runtime.before_token = lambda number: None if number < 150 else void(go_on.wait(PATIENCE))
    with sockets(server, 1) as (late,):
        eventually(lambda: len(server.hub) == 1)
        turn = server.chat("hello")
        eventually(lambda: bool(runtime.conversations))
        viewer = Viewer.__new__(Viewer)  # one whose socket was silent before its hello
        viewer.socket, viewer.connection, viewer.came, viewer.ids = late, ClientConnection(), [], 0
        late.sendall(b"".join(viewer.connection.hello("late", role)))
        assert isinstance(viewer.receive(), Welcome)
        go_on.set()
        messages = viewer.until(TurnEnd)
        assert not any(type(message).__name__ == "Scan" for message in messages)  # it asked for none
        viewer.tell(Subscribe, sites=("resid_post",))
        viewer.until(Reply)
        assert turn.reply(PATIENCE)
        assert len(server.hub) == 1


def test_a_late_hello_keeps_its_place_in_a_full_server(
    server: Server, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.05)
    inside = [connect() for _ in range(server.settings.max_clients - 1)]
    for viewer in inside:
        viewer.expect(Welcome)
    with sockets(server, 1) as (late,):
        eventually(lambda: len(server.hub) == server.settings.max_clients)
        late.sendall(b"".join(ClientConnection().hello("late")))
        assert b"welcome" in late.recv(65536)


def test_a_listener_without_threads_to_give_lives_on(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("llmri_server.network.threads.GuardedThread.start", none_left)
        with sockets(server, 1) as (refused,):
            assert rest(refused) == b""
    assert "can't start new thread" in caplog.text
    assert isinstance(connect().receive(), Welcome)


def inside(server: Server, count: int) -> bool:
    return len(server.hub) == count


def void(_: object) -> None:
    """Give nothing, where a lambda must."""
