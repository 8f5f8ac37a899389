import json
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol import (
    PROTOCOL_VERSION,
    Buffer,
    Bye,
    Chat,
    ClearInterventions,
    ClientConnection,
    Edits,
    Error,
    Hello,
    InterventionsCleared,
    Limits,
    LocalProtocolError,
    Message,
    ModelCard,
    Notice,
    Ping,
    PlainPing,
    Pong,
    Redo,
    RemoteProtocolError,
    Reply,
    ServerConnection,
    Stop,
    Subscribe,
    TurnStart,
    Undo,
    Welcome,
    encode,
    token_matches,
)
from llmri_protocol.frames import WINDOW, header
from tests.protocol.strategies import CLIENT_KINDS, any_message

WELCOME = Welcome(
    protocol=PROTOCOL_VERSION,
    session="s",
    card=ModelCard(
        name="m",
        runtime="torch",
        family="llama",
        layers=2,
        hidden_size=4,
        heads=1,
        vocabulary=8,
        context=16,
        dtype="f32",
        device="cpu",
        chat=True,
        sites=(),
    ),
    edits=(),
    limits=Limits(client_frame=1000, server_frame=10_000, queue=4, prompt_positions=4),
)
PLAIN_PING = header(15) + b'{"type":"ping"}'


def joined(buffers: list[Buffer]) -> bytes:
    return b"".join(buffers)


def raw(message: dict[str, Any]) -> bytes:
    body: bytes = msgpack.packb(message)
    return header(len(body)) + body


def opened(role: Any = "controller") -> tuple[ServerConnection, ClientConnection]:
    server, client = ServerConnection(), ClientConnection()
    server.feed(joined(client.hello("test", role)))
    client.feed(joined(server.send(WELCOME)))
    return server, client


def only_error(events: list[Any]) -> RemoteProtocolError:
    (event,) = events
    assert isinstance(event, RemoteProtocolError)
    return event


def test_a_native_connection_opens_with_hello_and_welcome() -> None:
    server, client = ServerConnection(), ClientConnection()
    assert (server.dialect, server.state, server.role) == ("undecided", "hello", None)
    (hello,) = server.feed(joined(client.hello("test", "controller")))
    assert hello == Hello(protocol=PROTOCOL_VERSION, client="test", role="controller")
    assert (server.dialect, server.state, server.role) == ("native", "welcome", "controller")
    assert client.feed(joined(server.send(WELCOME))) == [WELCOME]
    assert (server.state, client.state, client.welcome) == ("open", "open", WELCOME)


def test_commands_and_reports_pass_an_open_connection() -> None:
    server, client = opened()
    assert server.feed(joined(client.send(Chat(id=1, text="hi")))) == [Chat(id=1, text="hi")]
    assert client.feed(joined(server.send(Reply(id=1, turn=1, time=0.0)))) == [Reply(id=1, turn=1, time=0.0)]


def test_a_shell_of_four_lines_is_enough() -> None:
    server, client = ServerConnection(), ClientConnection()
    stream = joined(client.hello("test")) + joined(client.send(Ping(id=1)))
    buffer = server.buffer()
    buffer[: len(stream)] = stream
    hello, ping = server.advance(len(stream))
    assert isinstance(hello, Hello)
    assert ping == Ping(id=1)


@given(
    st.lists(any_message(tuple(kind for kind in CLIENT_KINDS if kind is not Hello)), max_size=5), st.data()
)
def test_however_the_bytes_arrive_the_messages_are_the_same(sent: list[Message], data: st.DataObject) -> None:
    server, _ = opened()
    stream = b"".join(joined(encode(message)) for message in sent)
    received: list[Any] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        received += server.feed(stream[:size])
        stream = stream[size:]
    assert received == sent


def test_the_first_message_must_be_hello() -> None:
    server = ServerConnection()
    error = only_error(server.feed(joined(encode(Ping(id=3)))))
    assert (error.code, error.fatal, error.id) == ("hello_expected", True, 3)
    assert server.state == "closing"


@pytest.mark.parametrize("first", [b"\0\0\0\0", header(3) + b"abc", raw({"type": "hello", "protocol": 2})])
def test_whatever_is_wrong_with_the_first_message_ends_the_connection(first: bytes) -> None:
    server = ServerConnection()
    assert only_error(server.feed(first)).fatal
    assert server.state == "closing"


def test_another_version_is_refused_with_both_numbers_whatever_else_its_hello_holds() -> None:
    server = ServerConnection()
    error = only_error(server.feed(raw({"type": "hello", "protocol": 99, "news": True})))
    assert (error.code, error.fatal) == ("version", True)
    assert "protocol 99" in error.message
    assert f"speaks {PROTOCOL_VERSION}" in error.message
    client = ClientConnection()
    client.hello("test")
    (told,) = client.feed(joined(server.send(error.answer())))
    assert isinstance(told, Error)
    assert client.state == "closed"


@pytest.mark.parametrize("version", [1, 3])
def test_a_server_of_another_version_is_refused_by_the_client(version: int) -> None:
    client = ClientConnection()
    client.hello("test")
    welcome = Welcome(protocol=version, session="s", card=WELCOME.card, edits=(), limits=WELCOME.limits)
    error = only_error(client.feed(joined(encode(welcome))))
    assert (error.code, error.fatal, client.state) == ("version", True, "closed")
    assert f"the server speaks protocol {version}, this end speaks 2" in error.message


@pytest.mark.parametrize(
    "command",
    [Chat(id=4, text="a"), Stop(id=4), Undo(id=4), Redo(id=4), ClearInterventions(id=4)],
)
def test_a_viewer_that_touches_is_refused_and_lives_on(command: Any) -> None:
    server, client = opened("viewer")
    error = only_error(server.feed(joined(encode(command))))
    assert (error.code, error.fatal, error.id) == ("not_allowed", False, 4)
    assert server.feed(joined(client.send(Ping(id=5)))) == [Ping(id=5)]
    with pytest.raises(LocalProtocolError, match="a viewer may not send"):
        client.send(command)


def test_a_viewer_may_look() -> None:
    server, client = opened("viewer")
    subscribe = Subscribe(id=1, sites=("resid_post",))
    assert server.feed(joined(client.send(subscribe))) == [subscribe]


def test_a_second_hello_is_unexpected_and_the_connection_lives_on() -> None:
    server, client = opened()
    error = only_error(server.feed(joined(encode(Hello(protocol=2, client="a", role="viewer")))))
    assert (error.code, error.fatal, server.role) == ("unexpected", False, "controller")
    with pytest.raises(LocalProtocolError, match="`hello` in state `open`"):
        client.hello("test")


def test_a_bad_message_between_good_ones_loses_neither() -> None:
    server, _ = opened()
    stream = joined(encode(Ping(id=1))) + raw({"type": "dance", "id": 2}) + joined(encode(Ping(id=3)))
    first, error, last = server.feed(stream)
    assert (first, last) == (Ping(id=1), Ping(id=3))
    assert isinstance(error, RemoteProtocolError)
    assert error.answer() == Error(code="unknown_type", message=error.message, id=2)


def test_a_frame_over_the_limit_ends_the_connection_after_what_came_before() -> None:
    server, client = opened()
    ping, error = server.feed(joined(client.send(Ping(id=1))) + header(2**31))
    assert ping == Ping(id=1)
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, error.fatal, server.state) == ("too_long", True, "closing")
    assert server.send(error.answer())
    assert server.send(Bye(reason="a"))
    assert server.state == "closed"


def test_what_arrives_after_the_end_is_thrown_away() -> None:
    server = ServerConnection()
    server.feed(header(2**31))
    assert len(server.buffer()) == WINDOW
    assert server.advance(WINDOW) == []
    assert server.feed(joined(encode(Ping(id=1)))) == []


@pytest.mark.parametrize("message", [WELCOME, Notice(level="info", message="a"), Pong(timestamp=0.0)])
def test_what_a_server_may_not_send_before_hello_is_refused_here(message: Any) -> None:
    with pytest.raises(LocalProtocolError, match="a server may not send"):
        ServerConnection().send(message)


@pytest.mark.parametrize("message", [WELCOME, Pong(timestamp=0.0), InterventionsCleared(), Ping(id=1)])
def test_what_a_server_may_not_send_on_an_open_native_connection_is_refused_here(message: Any) -> None:
    server, _ = opened()
    with pytest.raises(LocalProtocolError, match=r"in state `open`, dialect native"):
        server.send(message)


def test_nothing_may_be_sent_after_bye() -> None:
    server, client = opened()
    assert client.feed(joined(server.send(Bye(reason="over")))) == [Bye(reason="over")]
    assert server.state == client.state == "closed"
    with pytest.raises(LocalProtocolError):
        server.send(Notice(level="info", message="a"))
    with pytest.raises(LocalProtocolError):
        client.send(Ping(id=1))


def test_a_client_keeps_to_the_limit_it_was_told() -> None:
    _, client = opened()
    with pytest.raises(LocalProtocolError, match=r"the peer takes at most 1000"):
        client.send(Chat(id=1, text="x" * 1000))


def test_a_server_keeps_to_its_own_limit() -> None:
    server = ServerConnection(send_limit=100)
    server.assume_plain()
    with pytest.raises(LocalProtocolError, match="at most 100"):
        server.send(Error(code="a", message="x" * 100))


def test_a_report_before_welcome_ends_the_clients_trust() -> None:
    client = ClientConnection()
    client.hello("test")
    error = only_error(client.feed(joined(encode(Notice(level="info", message="a")))))
    assert error.code == "unexpected"


def test_a_welcome_that_cannot_be_read_ends_the_clients_connection() -> None:
    client = ClientConnection()
    client.hello("test")
    assert only_error(client.feed(raw({"type": "welcome", "protocol": 2}))).fatal
    assert client.state == "closed"


def test_a_report_that_cannot_be_read_does_not_end_an_open_connection() -> None:
    server, client = opened()
    assert not only_error(client.feed(raw({"type": "token", "turn": -1}))).fatal
    turn = TurnStart(turn=1, prompt="a", time=0.0)
    assert client.feed(joined(server.send(turn))) == [turn]


# Access tokens.


@pytest.mark.parametrize(("given_token", "word"), [(None, "missing"), ("guess", "wrong"), ("", "wrong")])
def test_a_wrong_token_ends_the_connection_and_is_not_repeated(given_token: str | None, word: str) -> None:
    server, client = ServerConnection(access_token="secret"), ClientConnection()
    error = only_error(server.feed(joined(client.hello("test", token=given_token))))
    assert (error.code, error.fatal) == ("bad_token", True)
    assert word in error.message
    assert "secret" not in error.message
    assert "guess" not in error.message


def test_the_right_token_comes_in() -> None:
    server, client = ServerConnection(access_token="sécret"), ClientConnection()
    server.feed(joined(client.hello("test", token="sécret")))
    assert server.state == "welcome"


@given(st.text(), st.text())
def test_tokens_match_when_they_are_equal(one: str, other: str) -> None:
    assert token_matches(one, other) == (one == other)
    assert token_matches(one, one)


def test_a_token_from_a_broken_environment_variable_matches_nothing_and_raises_nothing() -> None:
    assert not token_matches("\udcff", "a")


def test_a_server_with_a_token_refuses_the_plain_dialect_in_plain_words() -> None:
    server = ServerConnection(access_token="secret")
    error = only_error(server.feed(PLAIN_PING))
    assert (error.code, error.fatal, server.dialect) == ("token_required", True, "plain")
    assert json.loads(joined(server.send(error.answer()))[4:])["code"] == "token_required"
    silent = ServerConnection(access_token="secret")
    assert not silent.assume_plain()
    assert silent.dialect == "undecided"


# The plain dialect.


def test_a_first_body_that_begins_with_a_brace_is_plain() -> None:
    server = ServerConnection()
    assert server.feed(PLAIN_PING) == [PlainPing()]
    assert (server.dialect, server.state, server.role) == ("plain", "open", "controller")
    assert json.loads(joined(server.send(Pong(timestamp=1.0)))[4:]) == {"type": "pong", "timestamp": 1.0}


def test_a_silent_client_is_plain() -> None:
    server = ServerConnection()
    assert server.assume_plain()
    assert joined(server.send(TurnStart(turn=1, prompt="a", time=0.0)))
    assert server.feed(PLAIN_PING) == [PlainPing()]


def test_a_client_that_has_begun_to_speak_is_not_assumed_to_be_plain() -> None:
    server, client = ServerConnection(), ClientConnection()
    hello = joined(client.hello("test"))
    server.feed(hello[:2])
    assert not server.assume_plain()
    server.feed(hello[2:])
    assert not server.assume_plain()
    assert server.dialect == "native"


@pytest.mark.parametrize("role", ["viewer", "controller"])
def test_a_late_hello_wins_while_nothing_was_said(role: Any) -> None:
    server, client = ServerConnection(), ClientConnection()
    server.assume_plain()
    plain = joined(server.send(TurnStart(turn=1, prompt="a", time=0.0)))
    (hello,) = server.feed(joined(client.hello("test", role)))
    assert isinstance(hello, Hello)
    assert (server.dialect, server.state, server.role) == ("native", "welcome", role)
    assert client.feed(plain + joined(server.send(WELCOME))) == [WELCOME]
    assert client.state == "open"
    refused = only_error(server.feed(joined(encode(Chat(id=1, text="a"))))) if role == "viewer" else None
    assert refused is None or refused.code == "not_allowed"


def test_after_a_plain_word_no_hello_wins() -> None:
    server, client = ServerConnection(), ClientConnection()
    server.assume_plain()
    assert server.feed(PLAIN_PING) == [PlainPing()]
    assert only_error(server.feed(joined(client.hello("test")))).code == "bad_body"
    assert server.dialect == "plain"


def test_a_late_hello_of_another_version_is_told_in_the_dialect_of_a_hello() -> None:
    server, client = ServerConnection(), ClientConnection()
    server.assume_plain()
    client.hello("test")
    error = only_error(server.feed(raw({"type": "hello", "protocol": 99})))
    assert (error.code, error.fatal) == ("version", True)
    (told,) = client.feed(joined(server.send(error.answer())))
    assert told == error.answer()
    assert client.state == "closed"


def test_a_client_reads_a_plain_refusal_and_passes_over_other_plain_frames() -> None:
    server, client = ServerConnection(), ClientConnection()
    client.hello("test")
    server.assume_plain()
    passed = joined(server.send(TurnStart(turn=1, prompt="a", time=0.0)))
    refusal = Error(code="too_many_clients", message="full")
    assert client.feed(passed + header(3) + b"{no" + joined(server.send(refusal))) == [refusal]
    assert client.state == "closed"


def test_a_plain_frame_after_the_welcome_is_odd() -> None:
    _, client = opened()
    assert only_error(client.feed(PLAIN_PING)).code == "bad_body"


def test_a_bad_plain_message_gets_an_error_and_lives_on() -> None:
    server = ServerConnection()
    server.feed(PLAIN_PING)
    error, ping = server.feed(header(8) + b"{nonsens" + PLAIN_PING)
    assert isinstance(error, RemoteProtocolError)
    assert not error.fatal
    assert set(json.loads(joined(server.send(error.answer()))[4:])) == {"type", "code", "message"}
    assert ping == PlainPing()


def test_a_broadcast_without_a_plain_word_is_silently_left_out() -> None:
    server = ServerConnection()
    server.assume_plain()
    assert server.send(Edits(edits=(), revision=0, undoable=0, redoable=0, by="a")) == []
    assert server.send(Bye(reason="a")) == []
    assert server.state == "closed"


def test_welcome_has_no_place_in_the_plain_dialect() -> None:
    server = ServerConnection()
    server.assume_plain()
    with pytest.raises(LocalProtocolError, match="dialect plain"):
        server.send(WELCOME)
