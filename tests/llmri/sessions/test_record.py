"""`llmri record` and `llmri session`, against the real server and the bundled model."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import llmri
from llmri_client.sessions.reader import open_session
from llmri_protocol.messages import Scan, Token, TurnEnd, Welcome
from llmri_server import Server, Settings
from llmri_server.torch_runtime import load

SUM = "What is 37 plus 45?"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(load("pocket", device="cpu", dtype="float32"), Settings(port=0)) as running:
        yield running


def recording(server: Server, path: Path, *more: str) -> "subprocess.Popen[str]":
    address = "{}:{}".format(*server.address)
    command = [sys.executable, "-m", "llmri", "record", address, str(path), *more]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(b"reply", path, process)  # it has subscribed
    return process


def wait_for(word: bytes, path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists() or word not in path.read_bytes():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def ended(process: "subprocess.Popen[str]", by: signal.Signals = signal.SIGINT) -> str:
    process.send_signal(by)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_talk_is_kept_as_a_client_gets_it(server: Server, tmp_path: Path, by: signal.Signals) -> None:
    process = recording(server, tmp_path / "a.mcap", "--site", "mlp_act")
    with llmri.connect("{}:{}".format(*server.address)) as client:
        client.subscribe("mlp_act")
        end = client.chat(SUM, new=True)
        seen = client.messages()
    wait_for(b"turn_end", tmp_path / "a.mcap", process)
    said = ended(process, by)
    assert "1 turns" in said
    with open_session(tmp_path / "a.mcap") as session:
        messages = [each.message() for each in session.bodies()]
        assert session.indexed
        assert not session.faults
    assert isinstance(messages[0], Welcome)
    for kind in (Token, Scan, TurnEnd):
        assert [m for m in messages if isinstance(m, kind)] == [m for m in seen if isinstance(m, kind)]
    assert end in messages
    scan = next(message for message in messages if isinstance(message, Scan))
    assert np.asarray(scan).shape == (8, 512)


def session(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "llmri", "session", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_there_is_told_checked_and_repaired(server: Server, tmp_path: Path) -> None:
    path, cut, out = (tmp_path / name for name in ("a.mcap", "cut.mcap", "out.mcap"))
    process = recording(server, path, "--site", "mlp_act", "--layer", "3", "--dtype", "u8")
    with llmri.connect("{}:{}".format(*server.address)) as client:
        client.chat(SUM, new=True)
    wait_for(b"turn_end", path, process)
    ended(process)
    told = session("info", path)
    assert told.returncode == 0
    assert "pocket" in told.stdout
    assert "of mlp_act" in told.stdout
    assert "its own" in told.stdout
    whole = session("check", path)
    assert (whole.returncode, "all as they were written" in whole.stdout) == (0, True)
    cut.write_bytes(path.read_bytes()[:-9000])
    damaged = session("check", cut)
    assert damaged.returncode == 1
    assert "at byte" in damaged.stdout
    assert session("repair", cut, out).returncode == 0
    assert session("check", out).returncode == 0
    again = session("repair", cut, out)
    assert again.returncode == 1
    assert again.stderr == f"llmri session: {out} is there already; --force replaces it\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--site", "none"), "this model has no site 'none', expected one of resid_pre"),
        (("--layer", "99"), "layer 99 was asked for, the model has layers 0 to 7"),
    ],
)
def test_what_the_model_has_not_is_refused(
    server: Server, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    address = "{}:{}".format(*server.address)
    command = [sys.executable, "-m", "llmri", "record", address, str(tmp_path / "a.mcap"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_server_that_ends_is_told_and_the_file_is_whole(tmp_path: Path) -> None:
    with Server(load("pocket", device="cpu", dtype="float32"), Settings(port=0)) as server:
        process = recording(server, tmp_path / "a.mcap")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "the server" in said
    with open_session(tmp_path / "a.mcap") as kept:
        assert kept.indexed
