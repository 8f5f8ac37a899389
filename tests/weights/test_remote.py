"""A hub's files, read by exact ranges from a server on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.errors import WeightsError
from llmri_weights.files import remote
from tests.weights.making import arrays, values, weight, write_safetensors
from tests.weights.test_command import run
from tests.weights.test_safetensors_files import sharded


class Hub(ThreadingHTTPServer):
    """A hub over a folder, which counts what it sends and can be told to misbehave."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.sent: list[tuple[str, int]] = []
        self.tokens: list[str | None] = []
        self.answers: list[int] = []
        self.ranges = True
        self.etag = '"one"'


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.server
        hub.tokens.append(self.headers.get("Authorization"))
        if hub.answers:
            self.send_response(hub.answers.pop(0))
            self.send_header("Retry-After", "0")
            self.end_headers()
            return
        if self.path.startswith("/api/models/owner/name/tree/"):
            files = [
                {"type": "file", "path": path.name, "size": path.stat().st_size}
                for path in hub.folder.iterdir()
            ]
            self.answer(200, json.dumps(files).encode())
            return
        name = self.path.removeprefix("/owner/name/resolve/main/")
        path = hub.folder / name
        if "/" in name or not path.is_file():
            self.answer(404, b"")
            return
        data, asked = path.read_bytes(), self.headers.get("Range")
        if asked and hub.ranges:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            data = data[first : last + 1]
        hub.sent.append((name, len(data)))
        self.answer(206 if asked and hub.ranges else 200, data)

    def answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = tmp_path / "hub"
    folder.mkdir()
    server = Hub(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()


def header_size(path: Path) -> int:
    return 8 + int.from_bytes(path.read_bytes()[:8], "little")


def test_a_header_takes_two_requests_a_shard_and_its_own_bytes(hub: Hub) -> None:
    sharded(hub.folder)
    checkpoint = open_checkpoint("hf://owner/name")
    assert [found.name for found in checkpoint.weights] == ["a", "b"]
    for path in hub.folder.glob("*.safetensors"):
        sizes = [size for name, size in hub.sent if name == path.name]
        assert len(sizes) <= 2
        assert sum(sizes) <= 1.1 * header_size(path)
    assert values(checkpoint, "b")[0, 0] == 2


def test_a_tile_takes_one_request(hub: Hub) -> None:
    array = np.arange(64 * 512, dtype=np.float32).reshape(64, 512)
    write_safetensors(hub.folder / "model.safetensors", arrays(w=array))
    checkpoint = open_checkpoint("hf://owner/name@main/model.safetensors")
    matrix = weight(checkpoint, "w").matrix()
    hub.sent.clear()
    np.testing.assert_array_equal(matrix.window(8, 40, 100, 200), array[8:40, 100:200])
    assert len(hub.sent) == 1


def test_a_pickle_is_read_through_the_tail_of_its_archive(hub: Hub) -> None:
    torch.save({"w": torch.arange(1_000_000.0), "v": torch.ones(3)}, hub.folder / "pytorch_model.bin")
    checkpoint = open_checkpoint("hf://owner/name")
    assert [found.name for found in checkpoint.weights] == ["w", "v"]
    assert values(checkpoint, "v").tolist() == [1, 1, 1]
    assert sum(size for _, size in hub.sent) < 100_000


def test_a_gguf_file_is_read_from_its_head(hub: Hub, pocket_gguf: Path) -> None:
    (hub.folder / "model.gguf").write_bytes(pocket_gguf.read_bytes())
    checkpoint = open_checkpoint("hf://owner/name/model.gguf")
    with open_checkpoint(str(pocket_gguf)) as local:
        assert [found.name for found in checkpoint.weights] == [found.name for found in local.weights]
        np.testing.assert_array_equal(
            values(checkpoint, "output_norm.weight"), values(local, "output_norm.weight")
        )


def test_the_command_takes_a_hub_for_a_folder(hub: Hub, tmp_path: Path) -> None:
    path = write_safetensors(hub.folder / "model.safetensors", arrays(w=np.ones((4, 4), np.float32)))
    code, out, _ = run("hf://owner/name", "--table", "json")
    assert (code, json.loads(out)[0]["rms"]) == (0, 1)
    assert (
        json.loads(run("--diff", "hf://owner/name", path, "--table", "json")[1])[0]["relative_difference"]
        == 0
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "HF_TOKEN"), (403, "closed to you"), (404, "is not there"), (416, "shorter"), (418, "says 418")],
)
def test_a_refusal_is_one_sentence(hub: Hub, status: int, words: str) -> None:
    hub.answers = [status]
    code, out, err = run("hf://owner/name")
    assert (code, out) == (1, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_busy_hub_is_asked_again_and_then_told_of(hub: Hub) -> None:
    write_safetensors(hub.folder / "model.safetensors", arrays(w=np.ones(4, np.float32)))
    hub.answers = [429, 503]
    assert len(open_checkpoint("hf://owner/name").weights) == 1
    hub.answers = [429, 429, 429]
    with pytest.raises(WeightsError, match="too often"):
        open_checkpoint("hf://owner/name")


def test_a_server_without_ranges_is_a_sentence(hub: Hub) -> None:
    write_safetensors(hub.folder / "model.safetensors", arrays(w=np.ones(4, np.float32)))
    hub.ranges = False
    with pytest.raises(WeightsError, match="whole files alone"):
        open_checkpoint("hf://owner/name")


def test_a_file_that_changes_on_the_hub_is_a_sentence(hub: Hub) -> None:
    write_safetensors(hub.folder / "model.safetensors", arrays(w=np.ones(4, np.float32)))
    checkpoint = open_checkpoint("hf://owner/name")
    hub.etag = '"two"'
    with pytest.raises(WeightsError, match="has changed since it was opened"):
        values(checkpoint, "w")


def test_a_hub_that_is_gone_is_a_sentence(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_wait", lambda *_: 0)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="can't be reached"):
        open_checkpoint("hf://owner/name")


def test_the_token_goes_to_the_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    write_safetensors(hub.folder / "model.safetensors", arrays(w=np.ones(4, np.float32)))
    monkeypatch.setenv("HF_TOKEN", "secret")
    open_checkpoint("hf://owner/name")
    assert set(hub.tokens) == {"Bearer secret"}


@pytest.mark.parametrize("name", ["hf://", "hf://owner", "hf://owner/", "hf://owner/name/absent.gguf"])
def test_a_name_that_is_none_is_one_sentence(hub: Hub, name: str) -> None:
    with pytest.raises(WeightsError, match="hf://"):
        open_checkpoint(name)
