"""GGUF files, against gguf-py; and hostile headers."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.errors import WeightsError
from tests.weights.making import values

gguf = pytest.importorskip("gguf", reason="the gguf package writes the files")


def test_the_bundled_file_is_what_the_library_reads(pocket_gguf: Path) -> None:
    checkpoint = open_checkpoint(str(pocket_gguf))
    expected = {tensor.name: tensor for tensor in gguf.GGUFReader(pocket_gguf).tensors}
    assert [found.name for found in checkpoint.weights] == list(expected)
    assert checkpoint.metadata["general.architecture"] == "llama"
    for found in checkpoint.weights:
        tensor = expected[found.name]
        assert found.shape == tuple(int(length) for length in tensor.shape[::-1])
        assert found.nbytes == tensor.n_bytes
        wanted = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(values(checkpoint, found.name), wanted.reshape(found.shape))


def written(folder: Path, shards: int = 0) -> Path:
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama", split_max_tensors=shards)
    writer.add_head_count(4)
    writer.add_array("tokenizer.ggml.tokens", [f"token {number}" for number in range(5000)])
    writer.add_array("llama.some", [1, 2, 3])
    for index in range(4):
        writer.add_tensor(f"blk.{index}.ffn_up.weight", np.full((3, 5), index, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder


def test_long_arrays_are_passed_over(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(str(written(tmp_path)))
    assert checkpoint.metadata["tokenizer.ggml.tokens"] is None
    assert checkpoint.metadata["llama.some"] == [1, 2, 3]
    assert values(checkpoint, "blk.3.ffn_up.weight").tolist() == [[3] * 5] * 3


@pytest.mark.parametrize("named", ["", "model-00001-of-00004.gguf", "model-00003-of-00004.gguf"])
def test_any_part_of_a_split_file_opens_all(tmp_path: Path, named: str) -> None:
    checkpoint = open_checkpoint(str(written(tmp_path, 1) / named))
    assert [found.name for found in checkpoint.weights] == [
        f"blk.{index}.ffn_up.weight" for index in range(4)
    ]
    assert values(checkpoint, "blk.2.ffn_up.weight")[0, 0] == 2
    assert not checkpoint.problems


def test_a_missing_part_is_told_of(tmp_path: Path) -> None:
    (written(tmp_path, 1) / "model-00002-of-00004.gguf").unlink()
    checkpoint = open_checkpoint(str(tmp_path))
    assert len(checkpoint.weights) == 3
    assert "lacks model-00002-of-00004.gguf" in checkpoint.problems[0]


def test_a_folder_of_two_models_asks_which(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "other.gguf").write_bytes((tmp_path / "model.gguf").read_bytes())
    with pytest.raises(WeightsError, match=r"2 GGUF models; name one of model\.gguf, other\.gguf"):
        open_checkpoint(str(tmp_path))


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def header(tensors: int = 0, pairs: int = 0, body: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + body


def tensor(name: str, shape: Any, kind: int, offset: int) -> bytes:
    return (
        text(name)
        + struct.pack("<I", len(shape))
        + b"".join(struct.pack("<Q", n) for n in shape)
        + struct.pack("<IQ", kind, offset)
    )


HOSTILE = {
    "of another version": (header(version=9), "version 9"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "cut in its counts": (b"GGUF\x03\x00\x00\x00\x01", "cut short"),
    "with very many tensors": (header(tensors=300_000) + bytes(9_000_000), "at most 262144"),
    "with too many tensors": (header(tensors=1 << 60), "claims 1152921504606846976 tensors"),
    "with too many values": (header(pairs=1 << 40), "claims 1099511627776 values"),
    "with a long key": (header(pairs=1, body=struct.pack("<Q", 1 << 50) + bytes(20)), "at most 65536"),
    "with a long text": (
        header(pairs=1, body=text("k") + struct.pack("<IQ", 8, 1 << 50)),
        "has 1125899906842624 bytes",
    ),
    "with a long array": (
        header(pairs=1, body=text("k") + struct.pack("<IIQ", 9, 10, 1 << 50)),
        "items in `k`",
    ),
    "of an unknown kind": (
        header(pairs=1, body=text("k") + struct.pack("<I", 77) + bytes(9)),
        "unknown kind 77",
    ),
    "with nested arrays": (
        header(pairs=1, body=text("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 30),
        "unknown kind 9",
    ),
    "with a key twice": (header(pairs=2, body=(text("k") + struct.pack("<IB", 0, 1)) * 2), "`k` twice"),
    "with an odd alignment": (
        header(pairs=1, body=text("general.alignment") + struct.pack("<II", 4, 3)),
        "power of two",
    ),
    "aligned to nothing": (
        header(pairs=1, body=text("general.alignment") + struct.pack("<II", 4, 0)),
        "power of two",
    ),
    "with many axes": (header(tensors=1, body=tensor("t", [1] * 9, 0, 0)), "9 axes"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_header_is_one_sentence(tmp_path: Path, what: str) -> None:
    data, words = HOSTILE[what]
    (tmp_path / "model.gguf").write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        open_checkpoint(str(tmp_path / "model.gguf"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


FAULTY = {
    "past the end": (tensor("t", [8], 0, 64), "ends at byte"),
    "over another": (tensor("t", [8], 0, 0), "inside `good`"),
    "unaligned": (tensor("t", [8], 0, 3), "multiple of 32"),
    "twice": (tensor("good", [8], 0, 32), "stands twice"),
    "of no whole blocks": (tensor("t", [8], 12, 32), "no whole Q4_K blocks"),
    "overflowing": (tensor("t", [1 << 40, 1 << 40], 0, 32), "more than can be counted"),
}


@pytest.mark.parametrize("what", FAULTY)
def test_a_faulty_tensor_is_told_of_and_the_good_one_is_read(tmp_path: Path, what: str) -> None:
    described, words = FAULTY[what]
    data = header(tensors=2, body=tensor("good", [8], 0, 0) + described)
    data += bytes(-len(data) % 32) + np.arange(8, dtype=np.float32).tobytes() + bytes(32)
    (tmp_path / "model.gguf").write_bytes(data)
    checkpoint = open_checkpoint(str(tmp_path / "model.gguf"))
    assert any(words in problem for problem in checkpoint.problems)
    np.testing.assert_array_equal(values(checkpoint, "good"), np.arange(8))


def test_an_unknown_kind_of_block_is_named(tmp_path: Path) -> None:
    data = header(tensors=1, body=tensor("t", [8], 99, 0))
    (tmp_path / "model.gguf").write_bytes(data + bytes(64))
    checkpoint = open_checkpoint(str(tmp_path / "model.gguf"))
    assert checkpoint.weights[0].dtype == "ggml type 99"
    with pytest.raises(WeightsError, match="ggml type 99"):
        checkpoint.weights[0].matrix()


def test_any_byte_changed_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    good = (written(tmp_path) / "model.gguf").read_bytes()
    random = np.random.default_rng(0)
    start = good.index(b"llama.some") - 100
    for _ in range(200):
        data = bytearray(good)
        for place in (random.integers(0, 60), random.integers(start, len(good))):
            data[place] = random.integers(0, 256)
        (tmp_path / "model.gguf").write_bytes(data)
        try:
            checkpoint = open_checkpoint(str(tmp_path / "model.gguf"))
            for found in checkpoint.weights:
                values(checkpoint, found.name)
        except WeightsError:
            pass
