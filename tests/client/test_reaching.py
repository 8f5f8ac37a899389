"""The way of the commands to a server: options become credentials, and what goes wrong is one sentence."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import llmri_client
from llmri_client import reaching
from llmri_client.channel import Channel
from llmri_client.options import Credentials, TokenError
from llmri_client.reaching import UnreachableError, reach
from llmri_client.tls import CertificateError
from llmri_protocol.addresses import DEFAULT_ADDRESS, TOKEN_VARIABLE
from llmri_server import Server, Settings
from llmri_server.network.access import tls_context
from tests.server.fakes import FakeRuntime

TOKEN = "correct horse"
Serve = Callable[..., str]


@pytest.fixture
def serve(certificate: tuple[Path, Path]) -> Iterator[Serve]:
    """Start servers, in the clear or in TLS, and give their addresses."""
    with contextlib.ExitStack() as stack:

        def start(*, tls: bool = False, token: str | None = None) -> str:
            context = tls_context(*certificate) if tls else None
            server = stack.enter_context(Server(FakeRuntime(), Settings(port=0), token=token, tls=context))
            return f"localhost:{server.address[1]}"

        yield start


def sentence(address: str, credentials: Credentials) -> str:
    with pytest.raises(UnreachableError) as told:
        reach(Channel, address, "viewer", credentials)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
def test_the_options_let_a_command_in(
    serve: Serve, certificate: tuple[Path, Path], tmp_path: Path, tls: bool
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    credentials = Credentials.of(file, False, certificate[0] if tls else None)
    with reach(Channel, serve(tls=tls, token=TOKEN), "viewer", credentials) as channel:
        assert channel.welcome.card.name == "fake"


def test_the_token_is_the_files_else_the_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Credentials.of(None, False, None) == Credentials()
    monkeypatch.setenv(TOKEN_VARIABLE, "of the environment")
    assert Credentials.of(None, False, None).token == "of the environment"
    (tmp_path / "token").write_text(" of the file \n")
    assert Credentials.of(tmp_path / "token", False, None).token == "of the file"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match=r"cannot read the access token in .*missing: No such file"):
        Credentials.of(tmp_path / "missing", False, None)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(TokenError, match=r"binary: it is text in UTF-16"):
        Credentials.of(tmp_path / "binary", False, None)
    with pytest.raises(CertificateError, match="holds no certificate"):
        Credentials.of(None, False, _text(tmp_path / "wrong.pem"))


def _text(path: Path) -> Path:
    path.write_text("no certificate")
    return path


def test_a_server_that_wants_something_else_is_told_apart(
    serve: Serve, certificate: tuple[Path, Path]
) -> None:
    clear, secure = serve(), serve(tls=True)
    trusting = Credentials.of(None, False, certificate[0])
    assert "does not speak TLS; leave --tls and --tls-ca out" in sentence(clear, trusting)
    assert "if it speaks TLS, give --tls or --tls-ca FILE" in sentence(secure, Credentials())
    assert "not trusted" in sentence(secure, Credentials.of(None, True, None))
    assert "is for another host" in sentence(secure.replace("localhost", "127.0.0.1"), trusting)
    guarded = serve(token=TOKEN)
    assert f"the server at {guarded} refused: the access token is wrong" in sentence(
        guarded, Credentials("another token")
    )


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "PATIENCE", 0.2)
    assert "expected HOST:PORT" in sentence("1:2:3", Credentials())
    assert "there is no host 'no.such.host.invalid'" in sentence("no.such.host.invalid:1", Credentials())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert f"{address} did not answer within 0 seconds" in sentence(address, Credentials())
    assert "start one: llmri serve" in sentence(address, Credentials())


def test_without_an_address_it_is_the_local_one() -> None:
    assert str(llmri_client.Address()) == str(Credentials().at("", "viewer")) == DEFAULT_ADDRESS


def test_every_public_name_is_there() -> None:
    assert [name for name in llmri_client.__all__ if not hasattr(llmri_client, name)] == []
