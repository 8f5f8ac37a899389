"""Every reader of a file that a person names gives one sentence for what is no text; writers keep links."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmri.capture import document
from llmri.capture.errors import CaptureError
from llmri.cluster import prompts
from llmri.cluster.errors import ClusterError
from llmri.compare import command as compare_command
from llmri.compare import table as compare_table
from llmri.compare.errors import CompareError
from llmri.edits import files as edit_files
from llmri.edits.errors import EditsError
from llmri_client import options as client_options
from llmri_protocol.configs import ConfigError, read_toml
from llmri_server.experiments import plan_file, results
from llmri_server.experiments.errors import ExperimentError
from llmri_server.network import access
from llmri_server.network.access import ServeError

READERS: list[Any] = [
    pytest.param((read_toml, "a.toml", ConfigError), id="configuration"),
    pytest.param((edit_files.read, "a.toml", EditsError), id="edits"),
    pytest.param((edit_files.read, "a.json", EditsError), id="edits as JSON"),
    pytest.param((prompts.read, "a.txt", ClusterError), id="prompts"),
    pytest.param((client_options.access_token, "token", client_options.TokenError), id="token of a client"),
    pytest.param((lambda path: access._read(path, "access token"), "token", ServeError), id="token of serve"),
    pytest.param((compare_command._text, "a.txt", CompareError), id="text to compare"),
    pytest.param((plan_file.read, "plan.toml", ExperimentError), id="experiment"),
]
DOCUMENTS: list[Any] = [
    pytest.param(document.read_capture, CaptureError, id="capture"),
    pytest.param(results.load, ExperimentError, id="results"),
]


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


WRONG: list[Any] = [
    pytest.param(lambda path: path.write_bytes("é".encode("utf-16")), "text in UTF-16", id="utf-16"),
    pytest.param(lambda path: path.write_bytes("é".encode("utf-32")), "text in UTF-32", id="utf-32"),
    pytest.param(lambda path: path.write_bytes(b"\n\xe9"), "line 2 has the byte 0xe9", id="latin-1"),
    pytest.param(Path.mkdir, "folder|directory", id="folder"),
    pytest.param(a_pipe, "it is a pipe, no file", id="pipe"),
    pytest.param(a_device, "it is a device, no file", id="device"),
    pytest.param(lambda _path: None, "No such file", id="missing"),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("make", "said"), WRONG)
def test_every_reader_says_what_is_wrong(
    tmp_path: Path,
    reader: tuple[Callable[[Path], object], str, type[Exception]],
    make: Callable[[Path], object],
    said: str,
) -> None:
    read, name, kind = reader
    path = tmp_path / name
    make(path)
    with pytest.raises(kind, match=said) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("read", "kind"), DOCUMENTS)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}", "the key `created` is missing|the key `plan` is missing"),
        (b'{"unheard of": ' + b"[" * 100_000, "no capture|no results"),
        (b'"\xe9"', "no capture|no results"),
        (b"\xff\xfe{\0}\0", "no capture|no results"),
    ],
)
def test_every_document_says_what_is_wrong(
    tmp_path: Path, read: Callable[[Path], object], kind: type[Exception], data: bytes, said: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(kind, match=said) as caught:
        read(path)
    assert "Object" not in str(caught.value)


def test_a_table_keeps_a_link_and_refuses_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    compare_table.write_csv(link, [])
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"model,site,layer,relative_error\r\n"
    a_pipe(tmp_path / "pipe.csv")
    with pytest.raises(OSError, match="it is a pipe, no file"):
        compare_table.write_csv(tmp_path / "pipe.csv", [])
    assert (tmp_path / "pipe.csv").is_fifo()
