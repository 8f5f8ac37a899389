import queue
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
import pytest

from llmri_client.address import Address
from llmri_client.link import Retry, ServerLink
from llmri_client.link_status import Link, LinkStatus
from llmri_protocol.messages import PROTOCOL_VERSION, Ping, Reply, Welcome
from tests.viewer.synthetic import SyntheticServer

T = TypeVar("T")
FAST = Retry(0.05, 0.1)


@pytest.fixture
def server() -> Iterator[SyntheticServer]:
    with SyntheticServer() as running:
        yield running


@contextmanager
def linked(address: Address, *, reconnect: bool = True) -> Iterator[ServerLink]:
    link = ServerLink(address, "test", retry=FAST if reconnect else None)
    link.start()
    try:
        yield link
    finally:
        link.stop()


def until(link: ServerLink, kind: type[T], where: Link | None = None) -> T:
    for _ in range(200):
        event = link.inbox.get(timeout=10)
        if isinstance(event, kind) and (where is None or getattr(event, "link", None) is where):
            return event
    raise AssertionError("it never came")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def test_a_request_is_answered(server: SyntheticServer) -> None:
    with linked(Address(port=server.port)) as link:
        assert until(link, Welcome).card.name == "pocket"
        link.send(Ping(id=7))
        assert until(link, Reply).id == 7


def test_it_connects_again_when_the_server_comes_back() -> None:
    port = free_port()
    with linked(Address(port=port)) as link:
        waiting = until(link, LinkStatus, Link.WAITING)
        assert f"no server at 127.0.0.1:{port}" in waiting.sentence
        with SyntheticServer(port=port, session="one"):
            assert until(link, Welcome).session == "one"
        until(link, LinkStatus, Link.WAITING)
        with SyntheticServer(port=port, session="two"):
            assert until(link, Welcome).session == "two"


def test_without_reconnecting_the_end_is_final(server: SyntheticServer) -> None:
    with linked(Address(port=server.port), reconnect=False) as link:
        until(link, Welcome)
        server.hang_up()
        assert "not trying again" in until(link, LinkStatus, Link.REFUSED).sentence


def test_a_wrong_token_is_final_and_said_in_a_sentence() -> None:
    with SyntheticServer(token="a secret of some length") as server:
        with linked(Address(port=server.port, token="wrong")) as link:
            assert "the access token is wrong" in until(link, LinkStatus, Link.REFUSED).sentence
        with linked(Address(port=server.port, token="a secret of some length")) as link:
            assert until(link, Welcome).protocol == PROTOCOL_VERSION


def test_a_server_of_another_version_is_refused_with_both_numbers(
    server: SyntheticServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_protocol.connection.PROTOCOL_VERSION", 3)
    original = SyntheticServer._handle

    def newer(self: SyntheticServer, event: object, answer: object, who: object) -> None:
        original(self, event, lambda m: answer(msgspec.structs.replace(m, protocol=2)), who)  # type: ignore[operator]

    monkeypatch.setattr(SyntheticServer, "_handle", newer)
    with linked(Address(port=server.port)) as link:
        sentence = until(link, LinkStatus, Link.REFUSED).sentence
    assert "protocol 2" in sentence
    assert "speaks 3" in sentence


def test_what_is_no_llmri_server_is_refused() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, linked(Address(port=listener.getsockname()[1])) as link:
        sock, _ = listener.accept()
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 8)
        assert "cannot be understood" in until(link, LinkStatus, Link.REFUSED).sentence
        sock.close()


def test_a_window_that_takes_nothing_holds_the_reader_back_and_not_the_memory(
    server: SyntheticServer,
) -> None:
    with linked(Address(port=server.port)) as link:
        until(link, Welcome)
        for _ in range(2000):
            server.broadcast(Reply(id=2, time=0.0))
        deadline = time.monotonic() + 10
        while not link.inbox.full() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert link.inbox.qsize() == link.inbox.maxsize
        seen = 0
        while True:
            try:
                link.inbox.get(timeout=1)
            except queue.Empty:
                break
            seen += 1
        assert seen == 2000


@pytest.mark.parametrize("text", ["10.0.0.2:77", "[::1]:5"])
def test_an_address_is_shown_as_it_was_given(text: str) -> None:
    assert str(Address.parse(text)) == text
