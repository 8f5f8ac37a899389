"""The link over TLS, to a real server with a model that is none."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmri_client.address import Address
from llmri_client.link import Event, ServerLink
from llmri_client.link_status import LinkStatus
from llmri_client.tls import CertificateError, trusting
from llmri_protocol.messages import Chat, Reply, Scan, Subscribe, TurnEnd, Welcome
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from tests.server.fakes import FakeRuntime

FINAL = {"refused", "waiting"}


@pytest.fixture
def runtime() -> FakeRuntime:
    runtime = FakeRuntime()
    runtime.width = 20_000  # 240 kB a scan: many TLS records
    return runtime


@pytest.fixture
def server(runtime: FakeRuntime, certificate: tuple[Path, Path]) -> Iterator[Server]:
    with Server(runtime, Settings(port=0), tls=tls_context(*certificate)) as running:
        yield running


@pytest.fixture
def clear_server(runtime: FakeRuntime) -> Iterator[Server]:
    with Server(runtime, Settings(port=0)) as running:
        yield running


@pytest.fixture
def trusted(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return trusting(certificate[0])


def at(server: Server, tls: ssl.SSLContext | None, host: str = "localhost") -> Address:
    return Address(host, server.address[1], tls=tls)


@pytest.fixture
def link(server: Server, trusted: ssl.SSLContext) -> Iterator[ServerLink]:
    link = ServerLink(at(server, trusted), "test")
    link.start()
    yield link
    link.stop()


def until(link: ServerLink, kind: type[Event]) -> list[Event]:
    came = [link.inbox.get(timeout=60)]
    while not isinstance(came[-1], kind):
        came.append(link.inbox.get(timeout=60))
    return came


def verdict(address: Address) -> str:
    """Connect once and give the sentence in which it ends."""
    link = ServerLink(address, "test", retry=None)
    link.start()
    try:
        while True:
            event = link.inbox.get(timeout=60)
            assert not isinstance(event, Welcome)
            if isinstance(event, LinkStatus) and event.link.value in FINAL:
                return event.sentence
    finally:
        link.stop()


def test_scans_arrive_whole_while_requests_go_out(link: ServerLink) -> None:
    until(link, Welcome)
    link.send(Subscribe(id=1, sites=("resid_post",)))
    until(link, Reply)
    link.send(Chat(id=2, text="hello"))
    for number in range(3, 20):
        link.send(Subscribe(id=number, sites=("resid_post",)))
    came = until(link, TurnEnd)
    scans = [event for event in came if isinstance(event, Scan)]
    assert scans
    assert all(len(scan.data) == 3 * 4 * 20_000 for scan in scans)


def test_stopping_ends_a_link_that_waits_for_the_server(link: ServerLink) -> None:
    until(link, Welcome)
    link.stop()
    assert not link._thread.is_alive()


def test_stopping_ends_a_handshake_that_nobody_answers(trusted: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = ServerLink(Address("localhost", silent.getsockname()[1], tls=trusted), "test")
        link.start()
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # it has begun
            link.stop()
        assert not link._thread.is_alive()


def test_an_untrusted_certificate_is_refused_with_the_flag_that_would_trust_it(server: Server) -> None:
    sentence = verdict(at(server, trusting(None)))
    assert "not trusted" in sentence
    assert "--tls-ca FILE" in sentence


def test_a_certificate_for_another_host_is_refused(server: Server, trusted: ssl.SSLContext) -> None:
    sentence = verdict(at(server, trusted, host="127.0.0.1"))
    assert "for another host" in sentence
    assert "127.0.0.1" in sentence


def test_a_server_without_tls_is_told_apart(clear_server: Server, trusted: ssl.SSLContext) -> None:
    assert "does not speak TLS" in verdict(at(clear_server, trusted))


def test_in_the_clear_at_a_tls_server_the_flag_is_named(server: Server) -> None:
    assert "try --tls" in verdict(at(server, None))


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"cannot read .*missing\.pem: No such file"):
        trusting(tmp_path / "missing.pem")
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(CertificateError, match=r"wrong\.pem holds no certificate"):
        trusting(wrong)


def view(server: Server, *arguments: str) -> tuple[int, str]:
    program = "from llmri_viewer.command import app; app(prog_name='llmri view')"
    address = f"localhost:{server.address[1]}"
    keys = ["--headless", "--no-reconnect", "--keys", "wait:connected"]
    done = subprocess.run(
        [sys.executable, "-c", program, address, *keys, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stderr


def test_the_command_takes_a_certificate_and_says_what_is_wrong_in_one_line(
    server: Server, certificate: tuple[Path, Path]
) -> None:
    assert view(server, "--tls-ca", str(certificate[0])) == (0, "")
    for arguments, named in ((["--tls"], "--tls-ca FILE"), (["--tls-ca", "missing.pem"], "missing.pem")):
        status, said = view(server, *arguments)
        assert (status, said.count("\n")) == (1, 1), said
        assert named in said
