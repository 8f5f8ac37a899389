"""Two record layers talk to each other; the bytes between them are in the test's hands."""

import ssl
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from llmri_protocol.tls import TlsRecords

NAME = "localhost"
PATIENCE = 60
Pair = tuple[TlsRecords, TlsRecords]


@pytest.fixture
def contexts(certificate: tuple[Path, Path]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*certificate)
    return ssl.create_default_context(cafile=certificate[0]), server


@pytest.fixture
def fresh(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Pair:
    """Return a client and a server that haven't met."""
    client, server = contexts
    return TlsRecords(client, server_name=NAME), TlsRecords(server, server_side=True)


def carry(source: TlsRecords, target: TlsRecords, piece: int = 1 << 16) -> None:
    data = source.outgoing()
    for start in range(0, len(data), piece):
        target.feed(data[start : start + piece])


def shake_hands(client: TlsRecords, server: TlsRecords, piece: int = 1 << 16) -> None:
    done = False
    while not done:
        done = client.handshake()
        carry(client, server, piece)
        done = server.handshake() and done
        carry(server, client, piece)


@pytest.fixture
def pair(fresh: Pair) -> Pair:
    shake_hands(*fresh)
    return fresh


def read(records: TlsRecords, room: int = 1 << 16) -> bytes:
    """Return all that can be read so far."""
    buffer, came = memoryview(bytearray(room)), b""
    while count := records.read_into(buffer):
        came += bytes(buffer[:count])
    return came


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_handshake_and_message_arrive_however_they_are_split(fresh: Pair, piece: int) -> None:
    client, server = fresh
    shake_hands(client, server, piece)
    records = client.write(b"scan" * 10_000)
    assert b"scan" not in records
    came = b""
    for start in range(0, len(records), piece):
        server.feed(records[start : start + piece])
        came += read(server)
    assert came == b"scan" * 10_000


def test_a_short_buffer_takes_a_record_in_parts(pair: Pair) -> None:
    client, server = pair
    client.feed(server.write(b"0123456789"))
    buffer = memoryview(bytearray(4))
    assert [client.read_into(buffer) for _ in range(4)] == [4, 4, 2, None]


def test_both_ends_send_while_they_receive(pair: Pair) -> None:
    messages = [bytes([number]) * 5000 for number in range(200)]
    wires: tuple[SimpleQueue[bytes], SimpleQueue[bytes]] = SimpleQueue(), SimpleQueue()
    came: dict[int, bytes] = {}

    def send(end: int) -> None:
        for message in messages:
            wires[end].put(pair[end].write(message))

    def receive(end: int) -> None:
        taken = b""
        while len(taken) < 200 * 5000:
            pair[end].feed(wires[1 - end].get(timeout=PATIENCE))
            taken += read(pair[end])
        came[end] = taken

    threads = [threading.Thread(target=work, args=(end,)) for work in (send, receive) for end in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert came == {0: b"".join(messages), 1: b"".join(messages)}


def test_the_end_of_the_stream_is_the_end_of_reading(pair: Pair) -> None:
    client, server = pair
    client.feed(server.write(b"last words"))
    client.feed(b"")
    buffer = memoryview(bytearray(100))
    assert client.read_into(buffer) == len(b"last words")
    assert client.read_into(buffer) == 0


def test_a_peer_that_leaves_during_the_handshake_is_told_apart(fresh: Pair) -> None:
    client, _ = fresh
    assert not client.handshake()
    client.feed(b"")
    with pytest.raises(ConnectionResetError, match="handshake"):
        client.handshake()


def test_a_peer_that_speaks_no_tls_is_foreign(fresh: Pair) -> None:
    client, _ = fresh
    assert not client.handshake()
    assert not client.foreign
    client.feed(b"\x00\x00\x00\x05hello" * 3)
    with pytest.raises(ssl.SSLError):
        client.handshake()
    assert client.foreign


def test_a_refused_handshake_leaves_an_alert_that_tells_the_peer(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    client = TlsRecords(ssl.create_default_context(cafile=None), server_name="elsewhere")
    server = TlsRecords(contexts[1], server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client, server)
    carry(client, server)
    assert not server.foreign
    with pytest.raises(ssl.SSLError, match="alert"):
        server.handshake()


def test_bytes_changed_on_the_way_break_the_connection(pair: Pair) -> None:
    client, server = pair
    records = bytearray(client.write(b"ablate 17"))
    records[-1] ^= 1
    server.feed(records)
    with pytest.raises(ssl.SSLError):
        read(server)
