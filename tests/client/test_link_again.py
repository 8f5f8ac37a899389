"""The link to a server that is full, slow, or away: it tries again, soon, and says why."""

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmri_client import link as links
from llmri_client.address import Address
from llmri_client.duplex import DuplexConnection
from llmri_client.link import DEFAULT_RETRY, Retry, ServerLink
from llmri_client.link_status import Link, LinkStatus
from llmri_client.tls import trusting
from llmri_protocol.connection import ClientConnection
from llmri_protocol.frames import header
from llmri_protocol.messages import Welcome
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from llmri_viewer.model.options import load
from tests.server.fakes import FakeRuntime, eventually

PATIENCE = 60
FAST = Retry(0.05, 0.1)


@contextlib.contextmanager
def linked(address: Address, retry: Retry = FAST) -> Iterator[ServerLink]:
    link = ServerLink(address, "test", retry=retry)
    link.start()
    try:
        yield link
    finally:
        link.stop()


def status(link: ServerLink, wanted: Link) -> str:
    """Return the sentence of the next status of a kind."""
    while True:
        event = link.inbox.get(timeout=PATIENCE)
        if isinstance(event, LinkStatus) and event.link is wanted:
            return event.sentence
        assert not (isinstance(event, LinkStatus) and event.link is Link.REFUSED), event.sentence


def welcome(link: ServerLink) -> Welcome:
    while not isinstance(event := link.inbox.get(timeout=PATIENCE), Welcome):
        assert not (isinstance(event, LinkStatus) and event.link is Link.REFUSED), event.sentence
    return event


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_a_full_server_is_told_and_tried_again(certificate: tuple[Path, Path], secure: bool) -> None:
    tls = tls_context(*certificate) if secure else None
    with Server(FakeRuntime(), Settings(port=0, max_clients=1), tls=tls) as server:
        trusted = trusting(certificate[0]) if secure else None
        raw = socket.create_connection(server.address, timeout=PATIENCE)
        inside = trusted.wrap_socket(raw, server_hostname="localhost") if trusted else raw
        inside.sendall(b"".join(ClientConnection().hello("first")))
        assert b"welcome" in inside.recv(65536)
        with linked(Address("localhost", server.address[1], tls=trusted)) as link:
            sentence = status(link, Link.WAITING)
            assert "as many clients as it takes" in sentence
            assert "trying again" in sentence
            inside.close()
            assert welcome(link).card.name == "fake"


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("role", ["viewer", "controller"])
def test_a_hello_that_was_late_is_welcomed_and_the_plain_frames_before_it_are_passed_over(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, secure: bool, role: str
) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.02)
    runtime = FakeRuntime()
    runtime.words = ["word "] * 200
    tls = tls_context(*certificate) if secure else None
    with Server(runtime, Settings(port=0), tls=tls) as server:

        class Slow(DuplexConnection):
            def _greet(self) -> None:
                eventually(lambda: len(server.hub) == 1)
                server.chat("hello").reply(PATIENCE)  # plain scans and the turn's start are on their way
                super()._greet()

        monkeypatch.setattr(links, "DuplexConnection", Slow)
        trusted = trusting(certificate[0]) if secure else None
        with linked(Address("localhost", server.address[1], tls=trusted)) as link:
            assert welcome(link).card.name == "fake"


def test_a_server_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "ANSWER_SECONDS", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        linked(Address(port=silent.getsockname()[1])) as link,
    ):
        assert "did not answer in 0.2 s; is it an LLMRI server?" in status(link, Link.WAITING)
        status(link, Link.CONNECTING)


def test_a_server_that_only_speaks_the_plain_dialect_has_the_same_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "ANSWER_SECONDS", 0.3)
    over = threading.Event()

    def talk(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            while not over.wait(0.02):
                connection.sendall(header(2) + b"{}")

    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=talk, args=(plain,))
        thread.start()
        with linked(Address(port=plain.getsockname()[1])) as link:
            assert "did not answer" in status(link, Link.WAITING)
        over.set()
        thread.join()


SHIPPED = load()


@pytest.mark.parametrize(
    "retry",
    [Retry(SHIPPED.retry_first_seconds, SHIPPED.retry_longest_seconds), DEFAULT_RETRY, Retry(longest=60.0)],
)
def test_however_long_the_server_was_away_it_is_back_within_two_seconds(
    retry: Retry, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        waits.append(timeout or 0)
        return len(waits) > 20

    def connect(target: tuple[str, int], timeout: float) -> socket.socket:
        waits[-1:] = [waits[-1] + timeout] if waits else []
        raise ConnectionRefusedError(111, "Connection refused")

    link = ServerLink(Address(port=1), "test", retry=retry)
    monkeypatch.setattr(link, "_put", lambda event: None)
    monkeypatch.setattr(threading.Event, "wait", wait)
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(threading.Event, "is_set", lambda self: len(waits) > 20)
    link._run()
    assert len(waits) > 20
    assert max(waits) < 2  # one wait and one try that nobody answers


def test_a_wrong_token_stays_final() -> None:
    with (
        Server(FakeRuntime(), Settings(port=0), token="the right token") as server,
        linked(Address(port=server.address[1], token="a wrong token")) as link,
    ):
        told = [link.inbox.get(timeout=PATIENCE) for _ in range(2)]
        assert [(type(event), getattr(event, "link", None)) for event in told] == [
            (LinkStatus, Link.CONNECTING),
            (LinkStatus, Link.REFUSED),
        ]
        assert "the server refused: the access token is wrong" in str(told[-1])
        with pytest.raises(queue.Empty):
            link.inbox.get(timeout=0.3)
