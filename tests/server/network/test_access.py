import socket
from pathlib import Path

import pytest

from llmri_server.network.access import ServeError, access_token
from llmri_server.network.tcp import bind


def test_a_token_comes_from_a_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRI_TOKEN", "from the environment")
    file = tmp_path / "token"
    file.write_text("from the file\n")
    assert access_token(file) == "from the file"
    assert access_token(None) == "from the environment"


def test_no_token_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMRI_TOKEN", raising=False)
    assert access_token(None) is None


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe"])
def test_a_token_that_keeps_nobody_out_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ServeError) as told:
        access_token(file)
    assert str(file) in str(told.value)
    assert "short" not in str(told.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
def test_beyond_this_machine_a_token_is_needed(host: str) -> None:
    if host == "::" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with pytest.raises(ServeError, match="--token-file"):
        bind(host, 0, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    with bind(host, 0, None) as place:
        assert place.getsockname()[1] > 0


def test_a_host_that_is_nobody_is_told() -> None:
    with pytest.raises(ServeError, match="no address"):
        bind("no such host", 0, None)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ServeError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 0, "a long token")
