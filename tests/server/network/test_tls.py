"""TLS from end to end, with a certificate made on the spot."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmri_protocol.connection import ClientConnection, FromServer
from llmri_protocol.messages import Reply, Scan, ServerMessage, Subscribe, TurnEnd, Welcome
from llmri_server import ServeError, Server, Settings
from llmri_server.network.access import tls_context
from tests.server.fakes import FakeRuntime

PATIENCE = 60


@pytest.fixture
def server(runtime: FakeRuntime, certificate: tuple[Path, Path]) -> Iterator[Server]:
    with Server(runtime, Settings(port=0), tls=tls_context(*certificate)) as running:
        yield running


@pytest.fixture
def wrapped(server: Server, certificate: tuple[Path, Path]) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=certificate[0])
    raw = socket.create_connection(server.address, timeout=PATIENCE)
    with context.wrap_socket(raw, server_hostname="localhost") as connection:
        yield connection


def receive(
    connection: ssl.SSLSocket, client: ClientConnection, kind: type[ServerMessage]
) -> list[FromServer]:
    came: list[FromServer] = []
    while not came or not isinstance(came[-1], kind):
        count = connection.recv_into(client.buffer())
        assert count
        came += client.advance(count)
    return came


def test_scans_arrive_whole_while_the_client_talks(
    server: Server, runtime: FakeRuntime, wrapped: ssl.SSLSocket
) -> None:
    runtime.width = 20_000  # 240 kB a scan: many TLS records
    client = ClientConnection()
    wrapped.sendall(b"".join(client.hello("tls", "controller")))
    assert isinstance(receive(wrapped, client, Welcome)[0], Welcome)
    wrapped.sendall(b"".join(client.send(Subscribe(id=1, sites=("resid_post",)))))
    receive(wrapped, client, Reply)
    server.chat("hello")
    wrapped.sendall(b"".join(client.send(Subscribe(id=2, sites=("resid_post",), layers=(1,)))))
    came = receive(wrapped, client, TurnEnd)
    scans = [message for message in came if isinstance(message, Scan)]
    assert scans
    assert all(len(scan.data) == 80_000 * len(scan.layers) for scan in scans)


def test_who_speaks_no_tls_is_sent_away_and_others_come_in(server: Server, wrapped: ssl.SSLSocket) -> None:
    with socket.create_connection(server.address, timeout=PATIENCE) as clear:
        clear.sendall(b"\x00\x00\x00\x01x" * 4)
        while clear.recv(4096):
            pass
    client = ClientConnection()
    wrapped.sendall(b"".join(client.hello("tls", "viewer")))
    receive(wrapped, client, Welcome)


def test_closing_ends_a_connection_that_is_still_in_its_handshake(
    runtime: FakeRuntime, certificate: tuple[Path, Path]
) -> None:
    server = Server(runtime, Settings(port=0), tls=tls_context(*certificate))
    server.start()
    with socket.create_connection(server.address):
        closing = threading.Thread(target=server.close)
        closing.start()
        closing.join(PATIENCE)
        assert not closing.is_alive()


def test_a_certificate_that_does_not_fit_its_key_is_refused(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no key")
    with pytest.raises(ServeError, match=r"wrong\.pem"):
        tls_context(cert, wrong)
    with pytest.raises(ServeError, match="--tls-key"):
        tls_context(cert, None)
    with pytest.raises(ServeError, match=r"missing\.pem"):
        tls_context(tmp_path / "missing.pem", key)
    assert tls_context(None, None) is None
