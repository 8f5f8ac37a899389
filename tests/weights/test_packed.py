"""Weights packed into several tensors, by our own packing from the published formulas."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmri_weights.checkpoint import Checkpoint, open_checkpoint
from tests.weights.making import arrays, values, weight, write_safetensors

random = np.random.default_rng(11)


def saved(
    folder: Path, tensors: dict[str, tuple[str, Any]], config: dict[str, Any] | None = None
) -> Checkpoint:
    write_safetensors(folder / "model.safetensors", tensors)
    if config is not None:
        (folder / "config.json").write_text(json.dumps({"quantization_config": config}))
    return open_checkpoint(str(folder))


def words(levels: Any, bits: int) -> Any:
    """Pack unsigned numbers `[..., n]` into 32-bit words, one after the other from the lowest bit on."""
    total = [
        sum(int(level) << (bits * place) for place, level in enumerate(row))
        for row in levels.reshape(-1, levels.shape[-1])
    ]
    count = levels.shape[-1] * bits // 32
    packed = [[(number >> (32 * word)) & 0xFFFFFFFF for word in range(count)] for number in total]
    return np.array(packed, np.uint32).reshape(*levels.shape[:-1], count)


def check(checkpoint: Checkpoint, name: str, expected: Any, dtype: str) -> None:
    found = weight(checkpoint, name)
    assert found.shape == expected.shape
    assert found.dtype == dtype
    np.testing.assert_allclose(values(checkpoint, name), expected, rtol=2e-6, atol=1e-7)
    matrix = found.matrix()
    flat = expected.reshape(matrix.rows, matrix.columns)
    for _ in range(8):  # any window is the whole's
        top, bottom = sorted(random.choice(matrix.rows + 1, 2, replace=False))
        left, right = sorted(random.choice(matrix.columns + 1, 2, replace=False))
        part = matrix.window(int(top), int(bottom), int(left), int(right))
        np.testing.assert_allclose(part, flat[top:bottom, left:right], rtol=2e-6, atol=1e-7)


def grouped(shape: tuple[int, int], group: int, bits: int) -> tuple[Any, Any, Any, Any]:
    """Return levels, zero points and scales of `[outputs, inputs]`, and what they stand for."""
    outputs, inputs = shape
    levels = random.integers(0, 1 << bits, shape)
    zeros = random.integers(1, 1 << bits, (outputs, inputs // group))
    scales = (random.random((outputs, inputs // group)) + 0.5).astype(np.float16)
    wide = np.repeat(zeros, group, 1), np.repeat(scales.astype(np.float32), group, 1)
    return levels, zeros, scales, (levels - wide[0]) * wide[1]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
def test_gptq(tmp_path: Path, bits: int, version: str) -> None:
    levels, zeros, scales, expected = grouped((64, 96), 32, bits)
    stored = zeros - (version == "gptq")
    tensors = arrays(
        **{
            "l.qweight": np.ascontiguousarray(words(levels, bits).T).view(np.int32),
            "l.qzeros": words(np.ascontiguousarray(stored.T), bits).view(np.int32),
            "l.scales": np.ascontiguousarray(scales.T),
            "l.g_idx": (np.arange(96) // 32).astype(np.int32),
        }
    )
    checkpoint = saved(
        tmp_path, tensors, {"quant_method": "gptq", "bits": bits, "checkpoint_format": version}
    )
    check(checkpoint, "l.weight", expected, f"GPTQ {bits} bit, groups of 32")
    assert len(checkpoint.weights) == 1


def test_gptq_with_inputs_in_another_order(tmp_path: Path) -> None:
    order = random.permutation(np.arange(64) // 32)
    levels, zeros = random.integers(0, 16, (64, 64)), random.integers(1, 16, (64, 2))
    scales = random.random((64, 2)).astype(np.float16)
    tensors = arrays(
        **{
            "l.qweight": np.ascontiguousarray(words(levels, 4).T).view(np.int32),
            "l.qzeros": words(np.ascontiguousarray((zeros - 1).T), 4).view(np.int32),
            "l.scales": np.ascontiguousarray(scales.T),
            "l.g_idx": order.astype(np.int32),
        }
    )
    expected = (levels - zeros[:, order]) * scales.astype(np.float32)[:, order]
    check(saved(tmp_path, tensors), "l.weight", expected, "GPTQ 4 bit, groups of 32")


def awq_words(levels: Any) -> Any:
    """Pack eight outputs a word as AutoAWQ's `WQLinear_GEMM.from_linear` does."""
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    packed = np.zeros((levels.shape[0], levels.shape[1] // 8), np.uint32)
    for column in range(packed.shape[1]):
        for place in range(8):
            packed[:, column] |= levels[:, column * 8 + order[place]].astype(np.uint32) << np.uint32(
                4 * place
            )
    return packed.view(np.int32)


def test_awq(tmp_path: Path) -> None:
    levels, zeros, scales, expected = grouped((64, 96), 32, 4)
    tensors = arrays(
        **{
            "l.qweight": awq_words(levels.T),
            "l.qzeros": awq_words(zeros.T),
            "l.scales": np.ascontiguousarray(scales.T),
        }
    )
    check(saved(tmp_path, tensors, {"quant_method": "awq"}), "l.weight", expected, "AWQ 4 bit, groups of 32")


def test_bitsandbytes_eight_bits(tmp_path: Path) -> None:
    levels, scales = random.integers(-127, 128, (6, 10)).astype(np.int8), random.random(6).astype(np.float32)
    tensors = arrays(**{"l.weight": levels, "l.SCB": scales})
    check(saved(tmp_path, tensors), "l.weight", levels * scales[:, None] / 127, "bitsandbytes int8")


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [True, False])
def test_bitsandbytes_four_bits(tmp_path: Path, kind: str, nested: bool) -> None:
    shape, block = (10, 33), 64
    levels = random.integers(0, 16, 330)
    table = np.sort(random.standard_normal(16)).astype(np.float32)
    blocks = -(-330 // block)
    state: dict[str, Any] = {
        "quant_type": kind,
        "blocksize": block,
        "dtype": "bfloat16",
        "shape": list(shape),
    }
    tensors = {
        "l.weight": (levels[::2] << 4 | levels[1::2]).astype(np.uint8)[:, None],
        "l.weight.quant_map": table,
    }
    scales = random.random(blocks).astype(np.float32)
    if nested:
        state |= {"nested_blocksize": 4, "nested_offset": 0.25, "nested_dtype": "float32"}
        codes = random.integers(0, 256, blocks).astype(np.uint8)
        inner, outer = (
            random.random(256).astype(np.float32),
            random.random(-(-blocks // 4)).astype(np.float32),
        )
        tensors |= {
            "l.weight.absmax": codes,
            "l.weight.nested_absmax": outer,
            "l.weight.nested_quant_map": inner,
        }
        scales = inner[codes] * outer[np.arange(blocks) // 4] + np.float32(0.25)
    else:
        tensors["l.weight.absmax"] = scales
    tensors[f"l.weight.quant_state.bitsandbytes__{kind}"] = np.frombuffer(
        json.dumps(state).encode(), np.uint8
    )
    expected = (table[levels] * scales[np.arange(330) // block]).reshape(shape)
    check(saved(tmp_path, arrays(**tensors)), "l.weight", expected, f"bitsandbytes {kind}")


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_compressed_tensors_in_words(tmp_path: Path, bits: int, symmetric: bool) -> None:
    levels, zeros, scales, _ = grouped((8, 64), 32, bits)
    zeros = np.full_like(zeros, 1 << (bits - 1)) if symmetric else zeros
    tensors = {
        "l.weight_packed": words(levels, bits).view(np.int32),
        "l.weight_scale": scales,
        "l.weight_shape": np.array([8, 64], np.int64),
    }
    if not symmetric:
        tensors["l.weight_zero_point"] = np.ascontiguousarray(words(zeros.T, bits).T).view(np.int32)
    expected = (levels - np.repeat(zeros, 32, 1)) * np.repeat(scales.astype(np.float32), 32, 1)
    check(
        saved(tmp_path, arrays(**tensors)),
        "l.weight",
        expected,
        f"compressed-tensors {bits} bit, groups of 32",
    )


@pytest.mark.parametrize(
    ("scale", "ending", "block", "dtype"),
    [
        ((3, 2), "_scale_inv", (128, 128), "F8_E4M3, scales of 128x128"),
        ((300, 1), "_scale", (1, 200), "F8_E4M3, a scale a row"),
        ((1,), "_scale", (300, 200), "F8_E4M3, one scale"),
        ((), "_scale", (300, 200), "F8_E4M3, one scale"),
        ((10, 4), "_scale", (30, 50), "F8_E4M3, scales of 30x50"),
    ],
)
def test_eight_bit_floats_with_scales(
    tmp_path: Path, scale: Any, ending: str, block: Any, dtype: str
) -> None:
    raw = random.integers(0, 0x7F, (300, 200)).astype(np.uint8)
    scales = random.random(scale).astype(np.float32) if scale else np.array(0.5, np.float32)
    tensors = {"l.weight": ("F8_E4M3", raw), f"l.weight{ending}": ("F32", scales)}
    plain = torch.from_numpy(raw).view(torch.float8_e4m3fn).float().numpy()
    grid = scales.reshape(-(-300 // block[0]), -(-200 // block[1]))
    wide = np.repeat(np.repeat(grid, block[0], 0)[:300], block[1], 1)[:, :200]
    check(saved(tmp_path, tensors), "l.weight", plain * wide, dtype)


def test_a_block_size_that_the_configuration_says(tmp_path: Path) -> None:
    raw = random.integers(0, 0x7F, (100, 70)).astype(np.uint8)
    scales = random.random((4, 3)).astype(np.float32)
    tensors = {"l.weight": ("F8_E4M3", raw), "l.weight_scale_inv": ("F32", scales)}
    wide = np.repeat(np.repeat(scales, 32, 0)[:100], 32, 1)[:, :70]
    plain = torch.from_numpy(raw).view(torch.float8_e4m3fn).float().numpy()
    checkpoint = saved(tmp_path, tensors, {"quant_method": "fp8", "weight_block_size": [32, 32]})
    check(checkpoint, "l.weight", plain * wide, "F8_E4M3, scales of 32x32")


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def nibbles(levels: Any) -> Any:
    return (levels[..., ::2] | levels[..., 1::2] << 4).astype(np.uint8)


def test_mxfp4_of_gpt_oss(tmp_path: Path) -> None:
    levels, exponents = (
        random.integers(0, 16, (3, 4, 64)),
        random.integers(120, 134, (3, 4, 2)).astype(np.uint8),
    )
    tensors = arrays(
        **{"e.gate_up_proj_blocks": nibbles(levels).reshape(3, 4, 2, 16), "e.gate_up_proj_scales": exponents}
    )
    expected = E2M1[levels] * np.repeat(np.exp2(exponents.astype(np.float32) - 127), 32, -1)
    check(saved(tmp_path, tensors), "e.gate_up_proj", expected, "MXFP4")


def test_mxfp4_in_rows(tmp_path: Path) -> None:
    levels, exponents = random.integers(0, 16, (4, 64)), random.integers(120, 134, (4, 2)).astype(np.uint8)
    tensors = arrays(**{"l.weight_packed": nibbles(levels), "l.weight_scale": exponents})
    expected = E2M1[levels] * np.repeat(np.exp2(exponents.astype(np.float32) - 127), 32, -1)
    check(saved(tmp_path, tensors), "l.weight", expected, "MXFP4")


@pytest.mark.parametrize("maker", ["modelopt", "compressed-tensors"])
def test_nvfp4(tmp_path: Path, maker: str) -> None:
    levels, raw = random.integers(0, 16, (4, 64)), random.integers(0x20, 0x60, (4, 4)).astype(np.uint8)
    total = np.array([0.125], np.float32)
    names = (
        ("l.weight", "l.weight_scale_2")
        if maker == "modelopt"
        else ("l.weight_packed", "l.weight_global_scale")
    )
    tensors = {
        names[0]: ("U8", nibbles(levels)),
        "l.weight_scale": ("F8_E4M3", raw),
        names[1]: ("F32", total),
    }
    scale = torch.from_numpy(raw).view(torch.float8_e4m3fn).float().numpy()
    factor = total[0] if maker == "modelopt" else 1 / total[0]
    expected = E2M1[levels] * np.repeat(scale, 16, -1) * factor
    check(saved(tmp_path, tensors), "l.weight", expected, "NVFP4")


@pytest.mark.parametrize(("bits", "group"), [(2, 32), (3, 64), (4, 64), (6, 64), (8, 32)])
def test_mlx(tmp_path: Path, bits: int, group: int) -> None:
    levels = random.integers(0, 1 << bits, (6, 128))
    scales, biases = (random.standard_normal((6, 128 // group)).astype(np.float16) for _ in range(2))
    tensors = arrays(**{"l.weight": words(levels, bits), "l.scales": scales, "l.biases": biases})
    expected = levels * np.repeat(scales.astype(np.float32), group, 1) + np.repeat(
        biases.astype(np.float32), group, 1
    )
    checkpoint = saved(tmp_path, tensors, {"group_size": group, "bits": bits})
    check(checkpoint, "l.weight", expected, f"MLX {bits} bit, groups of {group}")


def test_mlx_without_a_configuration_is_not_guessed(tmp_path: Path) -> None:
    tensors = arrays(
        **{
            "l.weight": np.zeros((6, 16), np.uint32),
            "l.scales": np.ones((6, 2), np.float16),
            "l.biases": np.ones((6, 2), np.float16),
        }
    )
    checkpoint = saved(tmp_path, tensors)
    assert [(found.name, found.dtype) for found in checkpoint.weights] == [
        ("l.weight", "U32"),
        ("l.scales", "F16"),
        ("l.biases", "F16"),
    ]


def test_shapes_that_fit_no_packing_stay_what_they_are(tmp_path: Path) -> None:
    tensors = arrays(
        **{
            "l.qweight": np.zeros((5, 7), np.int32),
            "l.qzeros": np.zeros((2, 3), np.int32),
            "l.scales": np.ones((2, 11), np.float16),
        }
    )
    assert {found.name for found in saved(tmp_path, tensors).weights} == set(tensors)
