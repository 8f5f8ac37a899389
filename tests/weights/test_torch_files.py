"""PyTorch's files of every age, against torch itself; and hostile ones, of which nothing is executed."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.errors import WeightsError
from tests.weights.making import values, weight


def state() -> dict[str, Any]:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return {
        "plain": base,
        "transposed": base.t(),
        "part": base[1:3, 2:5],
        "expanded": torch.ones(1).expand(3, 4),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "tied": base,
        "bf16": torch.linspace(-1, 1, 7).bfloat16(),
        "long": torch.tensor([[1 << 40, -1]]),
        "bool": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(torch.ones(2, 2)),
    }


@pytest.mark.parametrize("new", [True, False])
def test_both_ages_of_file_read_as_torch_reads_them(tmp_path: Path, new: bool) -> None:
    tensors = state()
    if new:  # which the old format has no storage for
        tensors["fp8"] = torch.linspace(-4, 4, 8).to(torch.float8_e4m3fn)
        tensors["u16"] = torch.tensor([65535, 1], dtype=torch.uint16)
    path = tmp_path / "model.pt"
    torch.save(
        {"model": tensors, "epoch": 3, "list": [torch.ones(2)]}, path, _use_new_zipfile_serialization=new
    )
    checkpoint = open_checkpoint(str(path))
    assert not checkpoint.problems
    expected = torch.load(path, weights_only=True)
    named = {f"model.{name}": tensor for name, tensor in expected["model"].items()} | {
        "list.0": expected["list"][0]
    }
    assert [found.name for found in checkpoint.weights] == list(named)
    for name, tensor in named.items():
        np.testing.assert_array_equal(
            values(checkpoint, name), tensor.detach().double().numpy(), err_msg=name
        )
    assert weight(checkpoint, "model.tied").same_as == "model.plain"


def test_one_tensor_alone_has_a_name(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "one.pt")
    assert [found.name for found in open_checkpoint(str(tmp_path / "one.pt")).weights] == ["tensor"]


def test_a_whole_module_is_read_without_its_classes(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    torch.save(module, tmp_path / "module.pt")
    checkpoint = open_checkpoint(str(tmp_path / "module.pt"))
    found = next(found for found in checkpoint.weights if found.shape == (2, 3))
    np.testing.assert_array_equal(values(checkpoint, found.name), module.state_dict()["0.weight"].numpy())
    assert "torch.nn.modules.linear.Linear" in checkpoint.notices[0]


def test_entries_that_are_deflated_are_unpacked(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(100.0)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as old,
        zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    np.testing.assert_array_equal(values(open_checkpoint(str(tmp_path / "small.pt")), "w"), np.arange(100))


class Evil:
    def __init__(self, goal: Path) -> None:
        self.goal = goal

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.goal}",)


@pytest.mark.parametrize("new", [True, False])
def test_nothing_in_a_hostile_pickle_is_executed(tmp_path: Path, new: bool) -> None:
    goal = tmp_path / "executed"
    torch.save(
        {"w": torch.ones(2), "evil": Evil(goal)}, tmp_path / "evil.pt", _use_new_zipfile_serialization=new
    )
    checkpoint = open_checkpoint(str(tmp_path / "evil.pt"))
    assert [found.name for found in checkpoint.weights] == ["w"]
    assert "system" in checkpoint.notices[0]
    assert not goal.exists()


def with_pickle(path: Path, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/data/0", bytes(16))
    return path


def bomb_of_lists() -> bytes:
    out = b"\x80\x02]q\x00"
    for index in range(60):
        out += b"(h%ch%clq%c" % (index, index, index + 1)
    return out + b"."


def bomb_of_hashes() -> bytes:
    """Return a dictionary whose key is a tuple of tuples, 60 deep: its hash would take 2 ** 60 steps."""
    out = b"\x80\x02)q\x00"
    for index in range(60):
        out += b"h%ch%c\x86q%c" % (index, index, index + 1)
    return b"\x80\x02}" + out[2:] + b"K\x01s."


def bomb_of_names() -> bytes:
    """Return dictionaries 3000 deep, each under one key of 100,000 letters, and one under a huge number."""
    key = b"X" + struct.pack("<I", 100_000) + b"k" * 100_000 + b"q\x00"
    deep = b"}" + (b"h\x00}") * 3000 + b"s" * 3000
    return (
        b"\x80\x02"
        + key
        + b"0"
        + b"}"
        + b"\x8b"
        + struct.pack("<i", 50_000)
        + b"\x7f" * 50_000
        + deep
        + b"s."
    )


@pytest.mark.parametrize("data", [bomb_of_lists(), bomb_of_hashes(), bomb_of_names()])
def test_a_pickle_that_grows_without_end_is_read_at_once(tmp_path: Path, data: bytes) -> None:
    assert open_checkpoint(str(with_pickle(tmp_path / "bomb.pt", data))).weights == ()


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80\x02", b"\x80\x02t.", b"\x80\x02h\x05.", b"\x80\x02R.", b"\x80\x02\x8d" + b"\xff" * 8 + b".",
     b"\x80\x02]\x93.",
     b"\x80\x05\x97."],
)  # fmt: skip
def test_a_damaged_pickle_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WeightsError, match=r"bad\.pt") as caught:
        open_checkpoint(str(with_pickle(tmp_path / "bad.pt", data)))
    assert "\n" not in str(caught.value)


def test_any_cut_of_a_file_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    for new in (True, False):
        buffer = io.BytesIO()
        torch.save({"w": torch.arange(64.0)}, buffer, _use_new_zipfile_serialization=new)
        data = buffer.getvalue()
        for end in range(1, len(data), 7):
            path = tmp_path / "cut.pt"
            path.write_bytes(data[:end])
            try:
                checkpoint = open_checkpoint(str(path))
            except WeightsError:
                continue
            for found in checkpoint.weights:
                if not found.fault:
                    np.testing.assert_array_equal(values(checkpoint, found.name), np.arange(64))


def test_any_byte_changed_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    buffer = io.BytesIO()
    torch.save({"w": torch.arange(4.0), "v": torch.ones(2, 2).t()}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        good = archive.read("archive/data.pkl")
    for _ in range(400):
        data = bytearray(good)
        for place in random.integers(0, len(data), 2):
            data[place] = random.integers(0, 256)
        path = with_pickle(tmp_path / "odd.pt", bytes(data))
        try:
            checkpoint = open_checkpoint(str(path))
            for found in checkpoint.weights:
                values(checkpoint, found.name)
        except WeightsError:
            pass


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((9,), (1,), 0), ((2,), (3,), 2), ((2,), (-1,), 3), ((2, 2), (1,), 0), ((4,), (1,), -1)],
)
def test_a_view_outside_its_storage_is_a_fault(tmp_path: Path, size: Any, stride: Any, offset: int) -> None:
    def args(*parts: Any) -> bytes:
        return pickle.dumps(parts, 2)[2:-1]

    numbers = args(offset, size, stride, False, {})
    data = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ" + unrolled(offset, size, stride) + b"tRs."
    )
    assert numbers
    checkpoint = open_checkpoint(str(with_pickle(tmp_path / "view.pt", data)))
    assert checkpoint.problems
    with pytest.raises(WeightsError, match="`w`"):
        values(checkpoint, "w")


def unrolled(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    def listed(numbers: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, numbers)) + b"t"

    return number(offset) + listed(size) + listed(stride) + b"\x89}"


@pytest.mark.parametrize(
    "data", [pickle.dumps({"a": 1}), b"PK\x03\x04" + bytes(40), b"\x80\x02K\x05.", bytes(600)]
)
def test_other_files_with_such_a_name_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "other.pt").write_bytes(data)
    with pytest.raises(WeightsError, match=r"other\.pt"):
        open_checkpoint(str(tmp_path / "other.pt"))
