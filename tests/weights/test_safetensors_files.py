"""safetensors files, against the safetensors library; and what is wrong with some."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.errors import WeightsError
from tests.weights.making import arrays, header_bytes, values, write_safetensors

KINDS = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.bool,
]


def test_every_kind_of_element_reads_as_the_library_reads_it(tmp_path: Path) -> None:
    raw = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    tensors = {
        str(kind): (
            torch.from_numpy(raw.copy()).view(kind) if kind != torch.bool else torch.from_numpy(raw > 99)
        )
        for kind in KINDS
    }
    save_file(tensors, tmp_path / "all.safetensors")
    checkpoint = open_checkpoint(str(tmp_path / "all.safetensors"))
    assert {weight.name for weight in checkpoint.weights} == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(values(checkpoint, name), tensor.double().numpy(), err_msg=name)


def test_the_bundled_model_is_what_the_library_reads(pocket: Path) -> None:
    checkpoint = open_checkpoint(str(pocket))
    with safe_open(pocket / "model.safetensors", framework="pt") as file:
        assert [weight.name for weight in checkpoint.weights] == sorted(file.keys())
        for weight in checkpoint.weights:
            expected = file.get_tensor(weight.name)
            assert weight.shape == tuple(expected.shape)
            np.testing.assert_array_equal(values(checkpoint, weight.name), expected.float().numpy())


def entry(dtype: str, shape: list[Any], begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


GOOD = entry("F32", [2, 2], 0, 16)
FAULTY = {
    "cut short": (entry("F32", [2, 2], 16, 32), "ends at byte"),
    "overlapping": (entry("F32", [2, 2], 8, 24), "inside `good`"),
    "lying about its size": (entry("F32", [2, 3], 16, 32), "takes 24"),
    "backwards": (entry("F32", [0], 16, 8), "no usable"),
    "negative": (entry("F32", [-2, -2], 16, 24), "no usable"),
    "overflowing": (entry("F32", [1 << 40, 1 << 40], 16, 24), "no usable"),
    "of no numbers": (entry("F32", ["2"], 16, 24), "no usable"),
    "true": (entry("F32", [True], 16, 20), "no usable"),
    "no object": ([1], "no usable"),
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_faulty_tensor_is_told_of_and_the_good_one_is_read(tmp_path: Path, what: str) -> None:
    described, words = FAULTY[what]
    path = tmp_path / "faulty.safetensors"
    path.write_bytes(
        header_bytes({"good": GOOD, "bad": described}) + np.arange(4, dtype=np.float32).tobytes() + bytes(8)
    )
    checkpoint = open_checkpoint(str(path))
    (problem,) = checkpoint.problems
    assert words in problem
    assert "bad" in problem
    np.testing.assert_array_equal(values(checkpoint, "good"), [[0, 1], [2, 3]])
    with pytest.raises(WeightsError, match="bad"):
        values(checkpoint, "bad")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"abc", "at least 8 are wanted"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "pointer of Git LFS"),
        (struct.pack("<Q", 1 << 62) + b"{", "claims 4611686018427387904 bytes"),
        (struct.pack("<Q", 5000) + b"{}", "its header alone claims 5008"),
        (struct.pack("<Q", 4) + b"{nil", "no JSON"),
        (struct.pack("<Q", 2) + b"[]", "no JSON object"),
        (struct.pack("<Q", 40_000) + b'{"a":' + b"[" * 39_995, "no JSON"),
        (struct.pack("<Q", 15) + b'{"a":{},"a":{}}', "names `a` twice"),
    ],
)
def test_a_header_that_cannot_be_read_is_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=words) as caught:
        open_checkpoint(str(path))
    assert "\n" not in str(caught.value)


def test_what_is_unknown_is_named_and_not_guessed(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", {"odd": ("F7_NEW", (np.zeros(7, np.uint8), (8,)))})
    checkpoint = open_checkpoint(str(path))
    assert checkpoint.weights[0].dtype == "F7_NEW"
    assert not checkpoint.problems
    with pytest.raises(WeightsError, match="F7_NEW is no kind of element"):
        values(checkpoint, "odd")


def test_a_file_that_changes_or_is_shortened_is_a_sentence(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", arrays(w=np.ones((64, 64), np.float32)))
    checkpoint = open_checkpoint(str(path))
    matrix = checkpoint.weights[0].matrix()
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(WeightsError, match="was shortened while it was read"):
        matrix.window(0, 64, 0, 64)
    with pytest.raises(WeightsError, match="has changed since it was opened"):
        checkpoint.weights[0].matrix()
    path.unlink()
    with pytest.raises(WeightsError, match="can't be read: No such file"):
        checkpoint.weights[0].matrix()


def sharded(folder: Path) -> Path:
    for number, name in enumerate("ab", 1):
        write_safetensors(
            folder / f"model-0000{number}-of-00002.safetensors",
            arrays(**{name: np.full((2, 2), number, np.float32)}),
        )
    mapping = {name: f"model-0000{number}-of-00002.safetensors" for number, name in enumerate("ab", 1)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapping}))
    return folder


@pytest.mark.parametrize("named", ["", "model.safetensors.index.json", "model-00002-of-00002.safetensors"])
def test_the_index_decides_which_shards_there_are(tmp_path: Path, named: str) -> None:
    sharded(tmp_path)
    write_safetensors(tmp_path / "stray.safetensors", arrays(a=np.zeros(3, np.float32)))
    checkpoint = open_checkpoint(str(tmp_path / named))
    assert [weight.name for weight in checkpoint.weights] == ["a", "b"]
    assert values(checkpoint, "b")[0, 0] == 2
    assert not checkpoint.problems


def test_strays_are_named(tmp_path: Path) -> None:
    write_safetensors(sharded(tmp_path) / "stray.safetensors", arrays(a=np.zeros(3, np.float32)))
    assert "stray.safetensors" in open_checkpoint(str(tmp_path)).notices[0]


def test_a_missing_shard_is_told_of_and_the_others_are_read(tmp_path: Path) -> None:
    (sharded(tmp_path) / "model-00001-of-00002.safetensors").unlink()
    checkpoint = open_checkpoint(str(tmp_path))
    assert [weight.name for weight in checkpoint.weights] == ["b"]
    assert "lacks model-00001-of-00002.safetensors" in checkpoint.problems[0]


def test_a_damaged_shard_is_told_of_and_the_others_are_read(tmp_path: Path) -> None:
    (sharded(tmp_path) / "model-00001-of-00002.safetensors").write_bytes(b"\x05" + bytes(7) + b"{")
    checkpoint = open_checkpoint(str(tmp_path))
    assert [weight.name for weight in checkpoint.weights] == ["b"]
    assert "cut short" in checkpoint.problems[0]


def test_a_name_in_two_shards_is_told_of(tmp_path: Path) -> None:
    sharded(tmp_path)
    write_safetensors(
        tmp_path / "model-00002-of-00002.safetensors",
        arrays(a=np.zeros(3, np.float32), b=np.ones(2, np.float32)),
    )
    checkpoint = open_checkpoint(str(tmp_path))
    assert any("`a` stands both in" in problem for problem in checkpoint.problems)
    assert values(checkpoint, "a")[0, 0] == 1


@pytest.mark.parametrize("shard", ["../outside.safetensors", "/etc/passwd", ".."])
def test_an_index_may_not_leave_its_folder(tmp_path: Path, shard: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(WeightsError, match="expected a file beside it"):
        open_checkpoint(str(tmp_path))


@pytest.mark.parametrize("text", ["[", "[]", "{}", '{"weight_map": {"a": 3}}', '{"weight_map": []}'])
def test_a_damaged_index_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(WeightsError, match=r"index\.json"):
        open_checkpoint(str(tmp_path))


def test_an_empty_folder_and_a_missing_one_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no checkpoint"):
        open_checkpoint(str(tmp_path))
    for name in (str(tmp_path / "absent"), "~nobody-of-that-name/model", "a\0b", "x" * 5000):
        with pytest.raises(WeightsError, match="neither a file nor a folder"):
            open_checkpoint(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_what_has_no_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), os.devnull):
        with pytest.raises(WeightsError, match="a device, a pipe or a socket"):
            open_checkpoint(name)


def llama_70b() -> dict[str, list[int]]:
    hidden, inner, keys, vocabulary = 8192, 28672, 1024, 128256
    shapes = {
        "model.embed_tokens.weight": [vocabulary, hidden],
        "lm_head.weight": [vocabulary, hidden],
        "model.norm.weight": [hidden],
    }
    for layer in range(80):
        block = {
            "self_attn.q_proj": [hidden, hidden],
            "self_attn.k_proj": [keys, hidden],
            "self_attn.v_proj": [keys, hidden],
            "self_attn.o_proj": [hidden, hidden],
            "mlp.gate_proj": [inner, hidden],
            "mlp.up_proj": [inner, hidden],
            "mlp.down_proj": [hidden, inner],
            "input_layernorm": [hidden],
            "post_attention_layernorm": [hidden],
        }
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes


def write_sparse(folder: Path, shards: int = 30) -> int:
    """Write a checkpoint whose files have holes in place of numbers, and return how many bytes they claim."""
    shapes = list(llama_70b().items())
    mapping, total = {}, 0
    for shard in range(shards):
        file, header, at = f"model-{shard + 1:05}-of-{shards:05}.safetensors", {}, 0
        for name, shape in shapes[shard::shards]:
            size = 2 * int(np.prod(shape, dtype=np.int64))
            header[name] = entry("BF16", shape, at, at + size)
            mapping[name], at = file, at + size
        head = header_bytes(header)
        (folder / file).write_bytes(head)
        os.truncate(folder / file, len(head) + at)
        total += at
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapping}))
    return total


OPENING = r"""
import re, sys
from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.files import byte_source
read = []
before = byte_source.LocalFile.read
byte_source.LocalFile.read = lambda self, offset, count: (read.append(count), before(self, offset, count))[1]
checkpoint = open_checkpoint(sys.argv[1])
opening = sum(read)
tensor = next(w for w in checkpoint.weights if w.name == "model.layers.40.mlp.up_proj.weight")
tile = tensor.matrix().window(1000, 1256, 1000, 1256)
print(len(checkpoint.weights), len(checkpoint.problems), opening, sum(read) - opening, tile.shape[0])
print(int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="holes in files, and memory counted in kilobytes")
def test_141_gigabytes_open_from_their_headers_alone(tmp_path: Path) -> None:
    assert write_sparse(tmp_path) > 141e9
    told = subprocess.run(
        [sys.executable, "-c", OPENING, str(tmp_path)], capture_output=True, text=True, check=True
    )
    first, memory = told.stdout.splitlines()
    tensors, problems, opening, tile, rows = map(int, first.split())
    assert (tensors, problems, rows) == (723, 0, 256)
    headers = sum(
        8 + int.from_bytes(path.open("rb").read(8), "little") for path in tmp_path.glob("*.safetensors")
    )
    assert opening <= 1.1 * headers
    assert tile == 256 * 256 * 2
    assert int(memory) < 200
