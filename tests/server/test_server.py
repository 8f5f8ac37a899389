"""A server on a real socket, and clients that behave badly."""

import socket
import struct
import threading

import msgspec
import pytest

from llmri_protocol.messages import (
    Bye,
    Error,
    Hello,
    Notice,
    Ping,
    Reply,
    Scan,
    Subscribe,
    Token,
    TurnEnd,
    Welcome,
)
from llmri_server import ServeError, Server, Settings
from tests.server.fakes import Connect, Eventually, FakeRuntime

PATIENCE = 60


def raw(server: Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=PATIENCE)


def rest(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


def test_turns_from_python_have_replies(server: Server) -> None:
    turn = server.chat("hello")
    assert (turn.number, turn.reply(PATIENCE)) == (1, "one two three")


def test_no_viewer_no_capture(
    server: Server, connect: Connect, runtime: FakeRuntime, eventually: Eventually
) -> None:
    viewer = connect()
    viewer.tell(Subscribe, sites=("resid_post",))
    viewer.until(Reply)
    assert runtime.plan.sites == (("resid_post", (0, 1, 2)),)
    viewer.close()
    eventually(lambda: not runtime.plan.sites)


def test_a_viewer_that_stops_reading_is_bounded_and_holds_up_nobody(
    server: Server, connect: Connect, runtime: FakeRuntime
) -> None:
    runtime.words = ["word "] * 400
    runtime.width = 4096  # 48 kB a scan, far more than any socket holds
    stopped, reading = connect(), connect()
    for viewer in (stopped, reading):
        viewer.receive()
        viewer.tell(Subscribe, sites=("resid_post",))
        viewer.until(Reply)
    turn = server.chat("go")
    assert sum(isinstance(message, Token) for message in reading.until(TurnEnd)) == 402
    assert turn.reply(PATIENCE) == "word " * 400

    slow = stopped.until(TurnEnd)
    assert sum(isinstance(message, Token) for message in slow) == 402
    stopped.tell(Ping)
    slow += stopped.until(Reply)
    scans = sum(isinstance(message, Scan) for message in slow)
    notices = [message.dropped for message in slow if isinstance(message, Notice)]
    while scans + (notices[-1] if notices else 0) < 401:  # the last count may come a second later
        notices.append(stopped.last(Notice).dropped)
    assert scans + notices[-1] == 401
    assert notices == sorted(set(notices))


def test_a_viewer_that_reads_nothing_for_too_long_is_disconnected(
    runtime: FakeRuntime, connect_to: Connect, eventually: Eventually
) -> None:
    runtime.words = [f"word{number} " for number in range(20_000)]
    with Server(runtime, Settings(port=0, queue_messages=100)) as server:
        stopped = connect_to(server)
        stopped.receive()
        server.chat("go").reply(PATIENCE)
        eventually(lambda: len(server.hub) == 0)


def test_a_client_gone_in_mid_frame_changes_nothing_for_the_others(
    server: Server, connect: Connect, eventually: Eventually
) -> None:
    viewer = connect()
    viewer.receive()
    dying = raw(server)
    dying.sendall(struct.pack(">I", 1000) + b"half")
    dying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    dying.close()
    assert server.chat("hello").reply(PATIENCE) == "one two three"
    viewer.until(TurnEnd)


def test_a_killed_viewer_is_forgotten_while_scans_go_to_it(
    server: Server, connect: Connect, runtime: FakeRuntime, eventually: Eventually
) -> None:
    runtime.words = ["x "] * 2000
    viewer = connect()
    viewer.tell(Subscribe, sites=("resid_post",))
    viewer.until(Reply)
    viewer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    turn = server.chat("go")
    viewer.until(Token)
    viewer.close()
    assert turn.reply(PATIENCE)
    eventually(lambda: len(server.hub) == 0)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (struct.pack(">I", 3) + b"\xc1\xc1\xc1", b"bad_body"),
        (struct.pack(">I", 1 << 30), b"1073741824"),
        (b"GET / HTTP/1.1\r\n\r\n", b"1048576"),
        (struct.pack(">I", 1 << 30) + b"x" * 1_000_000, b"too_long"),
    ],
    ids=["garbage", "over the limit", "http", "over the limit, with a body"],
)
def test_garbage_is_answered_and_ends_that_connection_only(
    server: Server, connect: Connect, sent: bytes, said: bytes
) -> None:
    with raw(server) as connection:
        connection.sendall(sent)
        assert said in rest(connection)
    assert isinstance(connect().receive(), Welcome)


def test_a_bad_field_is_named_and_the_connection_lives(server: Server, connect: Connect) -> None:
    viewer = connect()
    viewer.receive()
    body = b"\x82\xa4type\xa4chat\xa2id\x07"  # a chat without text
    viewer.socket.sendall(struct.pack(">I", len(body)) + body)
    error = viewer.last(Error)
    assert (error.code, error.id) == ("bad_field", 7)
    assert "text" in error.message
    viewer.tell(Ping)
    viewer.until(Reply)


def test_whoever_begins_a_hello_and_never_ends_it_is_sent_away(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.client.HANDSHAKE", 0.2)
    with raw(server) as connection:
        connection.sendall(b"\x00\x00")
        assert b"hello_expected" in rest(connection)


def test_more_clients_than_allowed_are_told_so(server: Server, connect: Connect) -> None:
    inside = [connect() for _ in range(server.settings.max_clients)]
    for viewer in inside:
        viewer.receive()
    refused = connect()
    assert refused.expect(Error).code == "too_many_clients"
    with pytest.raises(EOFError):
        refused.receive()
    inside[0].tell(Ping)
    inside[0].until(Reply)


def test_commands_may_follow_hello_at_once(server: Server) -> None:
    with raw(server) as connection:
        for message in (Hello(protocol=2, client="x", role="viewer"), Ping(id=1), Ping(id=2)):
            body = msgspec.msgpack.encode(message)
            connection.sendall(struct.pack(">I", len(body)) + body)
        connection.shutdown(socket.SHUT_WR)
        answered = rest(connection)
    assert answered.count(b"reply") == 2


def test_closing_says_goodbye_to_everybody(runtime: FakeRuntime, connect_to: Connect) -> None:
    server = Server(runtime, Settings(port=0))
    server.start()
    viewer = connect_to(server)
    viewer.receive()
    closing = threading.Thread(target=server.close, args=("enough",))
    closing.start()
    assert viewer.receive() == Bye(reason="enough")
    viewer.close()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    with pytest.raises(ConnectionRefusedError):
        raw(server)


def test_closing_does_not_wait_for_who_does_not_leave(runtime: FakeRuntime, connect_to: Connect) -> None:
    server = Server(runtime, Settings(port=0))
    server.start()
    viewer = connect_to(server)
    viewer.receive()
    before = threading.active_count()
    assert server.close()
    assert threading.active_count() < before


def test_an_ipv6_host_works(runtime: FakeRuntime, connect_to: Connect) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = Server(runtime, Settings(host="::1", port=0))
    except ServeError:
        pytest.skip("no IPv6 loopback here")
    with server:
        assert isinstance(connect_to(server).receive(), Welcome)


def test_a_port_in_use_is_told_with_a_way_out(server: Server, runtime: FakeRuntime) -> None:
    with pytest.raises(ServeError, match="--port 0"):
        Server(runtime, Settings(port=server.address[1]))


def test_every_interface_needs_a_token(runtime: FakeRuntime) -> None:
    with pytest.raises(ServeError, match="LLMRI_TOKEN"):
        Server(runtime, Settings(host="0.0.0.0", port=0))
    Server(runtime, Settings(host="0.0.0.0", port=0), token="a long token").close()


def test_with_a_token_only_who_knows_it_gets_in(runtime: FakeRuntime, connect_to: Connect) -> None:
    with Server(runtime, Settings(port=0), token="a long token") as server:
        assert connect_to(server, token="another one").expect(Error).code == "bad_token"
        assert connect_to(server).expect(Error).code == "bad_token"
        assert isinstance(connect_to(server, token="a long token").receive(), Welcome)
