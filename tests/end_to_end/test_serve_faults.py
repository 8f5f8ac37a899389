"""A user's mistake is answered by one sentence and an exit status of 1."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest


def one_sentence(error: str) -> str:
    lines = [line for line in error.strip().splitlines() if not line.startswith("loading ")]
    assert len(lines) == 1, error
    return lines[0]


def test_a_port_in_use_is_named(failing: Callable[..., str], tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = one_sentence(failing("serve", str(tiny_model), "--port", port))
    assert port in said
    assert "--port 0" in said


def test_a_folder_that_is_no_model_is_named(failing: Callable[..., str], tmp_path: Path) -> None:
    assert str(tmp_path) in one_sentence(failing("serve", str(tmp_path), "--port", "0"))


def test_a_hub_id_without_network_says_so(failing: Callable[..., str]) -> None:
    assert "nobody/nothing" in one_sentence(failing("serve", "nobody/nothing", "--port", "0"))


def test_a_gguf_file_that_is_cut_off_is_named(failing: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    assert f"{file} is cut off" in one_sentence(failing("serve", str(file), "--port", "0"))


def test_an_unknown_key_in_the_configuration_is_answered_with_the_nearest(
    failing: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("temprature = 1.0\n")
    said = one_sentence(failing("serve", "--config", str(file)))
    assert "temprature" in said
    assert "did you mean `temperature`" in said


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--temperature", "-1"], "--temperature"),
        (["--port", "70000"], "--port"),
        (["--top-p", "0"], "--top-p"),
        (["--dtype", "int3"], "--dtype"),
    ],
)
def test_a_flag_out_of_range_is_named(failing: Callable[..., str], flags: list[str], named: str) -> None:
    assert named in one_sentence(failing("serve", *flags))


def test_listening_beyond_loopback_needs_a_token(failing: Callable[..., str]) -> None:
    assert "LLMRI_TOKEN" in one_sentence(failing("serve", "--host", "0.0.0.0", "--port", "0"))


def test_a_token_file_that_is_not_there_is_named(failing: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert str(file) in one_sentence(failing("serve", "--token-file", str(file)))


def test_a_short_token_is_refused_and_not_printed(failing: Callable[..., str]) -> None:
    said = one_sentence(failing("serve", LLMRI_TOKEN="abc"))
    assert "abc" not in said
    assert "3 characters" in said


def test_a_certificate_without_its_key_is_refused(failing: Callable[..., str], tmp_path: Path) -> None:
    assert "--tls-key" in one_sentence(failing("serve", "--tls-cert", str(tmp_path / "cert.pem")))
