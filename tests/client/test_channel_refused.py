"""`llmri.connect` to a server that is full, slow, or speaks another dialect."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmri
from llmri_client.channel import Channel
from llmri_protocol.connection import ServerConnection
from llmri_protocol.frames import header
from llmri_protocol.messages import Error
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from tests.server.fakes import FakeRuntime, eventually

PATIENCE = 60


@contextlib.contextmanager
def pretending(*sent: bytes, wait: float = 0.0) -> Iterator[str]:
    """Yield the address of something that sends these pieces to one client, and then hangs up or waits."""
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                for piece in sent:
                    connection.sendall(piece)
                    if over.wait(wait):
                        return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
def test_a_full_server_says_so(certificate: tuple[Path, Path], secure: bool) -> None:
    tls = tls_context(*certificate) if secure else None
    trusted = ssl.create_default_context(cafile=certificate[0]) if secure else None
    with Server(FakeRuntime(), Settings(port=0, max_clients=1), tls=tls) as server:
        address = f"localhost:{server.address[1]}"
        with llmri.connect(address, tls=trusted):
            for _ in range(30):
                with pytest.raises(llmri.RefusedError, match="as many clients as it takes") as told:
                    llmri.connect(address, tls=trusted)
                assert told.value.code == "too_many_clients"
        eventually(lambda: len(server.hub) == 0)
        with llmri.connect(address, tls=trusted) as model:
            assert model.chat("hello").text == "one two three"


@pytest.mark.parametrize("role", ["viewer", "controller"])
def test_a_slow_first_half_second_does_not_matter(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    monkeypatch.setattr("llmri_server.network.client.SILENCE", 0.02)
    runtime = FakeRuntime()
    runtime.words = ["word "] * 200
    with Server(runtime, Settings(port=0)) as server:
        original = Channel._greet

        def slowly(self: Channel, *arguments: object) -> object:
            eventually(lambda: len(server.hub) == 1)
            server.chat("hello").reply(PATIENCE)
            return original(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Channel, "_greet", slowly)
        with llmri.connect("127.0.0.1:{}".format(*server.address[1:]), role=role) as model:  # type: ignore[arg-type]
            assert model.welcome.card.name == "fake"
            if role == "controller":
                assert model.chat("again").tokens == 201


def test_a_refusal_in_the_plain_dialect_is_read() -> None:
    server = ServerConnection()
    server.assume_plain()
    refusal = b"".join(server.send(Error(code="too_many_clients", message="full")))
    with (
        pretending(header(2) + b"{}", refusal) as address,
        pytest.raises(llmri.RefusedError, match="full") as told,
    ):
        llmri.connect(address)
    assert told.value.code == "too_many_clients"


def test_whoever_only_speaks_the_plain_dialect_is_waited_for_no_longer_than_asked() -> None:
    plain = [header(2) + b"{}"] * 1000
    began = time.monotonic()
    with pretending(*plain, wait=0.05) as address, pytest.raises(TimeoutError):
        llmri.connect(address, timeout=0.3)
    assert time.monotonic() - began < 30  # the pieces together take 50 seconds
