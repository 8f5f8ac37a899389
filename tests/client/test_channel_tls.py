"""`llmri.connect` over TLS, to a real server with a model that is none."""

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmri
from llmri_client.errors import ConnectionEndedError
from llmri_client.tls import NoTlsError
from llmri_protocol.messages import Scan, TurnEnd
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from tests.server.fakes import FakeRuntime


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[Server]:
    runtime = FakeRuntime()
    runtime.width = 20_000  # 240 kB a scan: many TLS records
    with Server(runtime, Settings(port=0), tls=tls_context(*certificate)) as running:
        yield running


@pytest.fixture
def trusted(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


def test_a_script_talks_and_takes_scans(server: Server, trusted: ssl.SSLContext) -> None:
    with llmri.connect(f"localhost:{server.address[1]}", tls=trusted) as model:
        model.subscribe("resid_post")
        assert model.chat("hello").text == "one two three"
        scans = [message for message in model.messages() if isinstance(message, Scan)]
        assert scans
        assert all(llmri.array_of(scan).shape == (3, 20_000) for scan in scans)


def test_an_untrusted_certificate_and_a_wrong_host_are_refused(
    server: Server, trusted: ssl.SSLContext
) -> None:
    port = server.address[1]
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        llmri.connect(f"localhost:{port}", tls=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.1"):
        llmri.connect(f"127.0.0.1:{port}", tls=trusted)


def test_in_the_clear_the_connection_ends(server: Server) -> None:
    with pytest.raises(ConnectionEndedError):
        llmri.connect(f"localhost:{server.address[1]}")


def test_what_was_not_there_in_time_can_be_waited_for_again(server: Server, trusted: ssl.SSLContext) -> None:
    with llmri.connect(f"localhost:{server.address[1]}", tls=trusted, timeout=0.2) as model:
        with pytest.raises(TimeoutError):
            next(message for message in model if isinstance(message, TurnEnd))
        turn = model.say("hello")
        while True:
            try:
                assert next(message for message in model if isinstance(message, TurnEnd)).turn == turn
                return
            except TimeoutError:
                continue


def test_closing_wakes_who_waits_in_another_thread(server: Server, trusted: ssl.SSLContext) -> None:
    model = llmri.connect(f"localhost:{server.address[1]}", tls=trusted)
    closing = threading.Timer(0.1, model.close)
    closing.start()
    with pytest.raises(ConnectionEndedError):
        list(model)
    closing.join()


def test_a_server_without_tls_is_told_apart(trusted: ssl.SSLContext) -> None:
    with Server(FakeRuntime(), Settings(port=0)) as clear, pytest.raises(NoTlsError):
        llmri.connect(f"localhost:{clear.address[1]}", tls=trusted)
