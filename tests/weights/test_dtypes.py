"""Every kind of element, against torch, gguf-py and ggml itself."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from llmri_weights.decoding import ggml, small_floats
from llmri_weights.dtypes import DTYPES, packed_bytes

PATTERNS = np.arange(1 << 16, dtype=np.uint16)
BYTES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("F16", torch.float16),
        ("BF16", torch.bfloat16),
        ("F8_E4M3", torch.float8_e4m3fn),
        ("F8_E5M2", torch.float8_e5m2),
        ("F8_E4M3FNUZ", torch.float8_e4m3fnuz),
        ("F8_E5M2FNUZ", torch.float8_e5m2fnuz),
        ("F8_E8M0", torch.float8_e8m0fnu),
    ],
)
def test_every_bit_pattern_is_what_torch_makes_of_it(name: str, kind: torch.dtype) -> None:
    patterns = PATTERNS if kind.itemsize == 2 else BYTES
    decode = DTYPES[name].decode
    assert decode is not None
    expected = torch.from_numpy(patterns.copy()).view(kind).float().numpy()
    found = decode(patterns.view(np.uint8))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        np.signbit(found), np.signbit(expected) | (np.isnan(expected) & np.signbit(found))
    )


def test_four_bit_floats_are_those_of_the_specification() -> None:
    magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    np.testing.assert_array_equal(
        small_floats.F4_E2M1.table(), [*magnitudes, *(-value for value in magnitudes)]
    )
    decode = DTYPES["F4"].decode
    assert decode is not None
    assert decode(np.array([[0x21, 0xF0]], np.uint8)).tolist() == [[0.5, 1, 0, -6]]


def test_sizes_are_those_of_the_gguf_package() -> None:
    constants = pytest.importorskip("gguf.constants", reason="the gguf package knows the sizes")
    for kind, (elements, size) in constants.GGML_QUANT_SIZES.items():
        if kind.name != "Q8_1":  # which that package gives four bytes that ggml no longer has
            assert (DTYPES[kind.name].elements, DTYPES[kind.name].size) == (elements, size), kind.name


def test_blocks_lie_along_the_last_axis() -> None:
    assert packed_bytes("Q4_K", (3, 512)) == 3 * 2 * 144
    assert packed_bytes("Q4_K", (512, 3)) is None
    assert packed_bytes("F7", (3,)) is None


FRESH = """
import sys
import numpy as np
from gguf import GGMLQuantizationType, quants
from llmri_weights.decoding import ggml

for name in sys.argv[1:]:
    block = ggml.BLOCKS[name]
    data = np.random.default_rng(7).integers(0, 256, (64, 4 * block.size), np.uint8)
    with np.errstate(all="ignore"):
        expected = quants.dequantize(data, GGMLQuantizationType[name]).astype(np.float32)
        found = ggml.dequantize(name, data)
    assert ggml._to_float(name) is not None, "ggml itself was not asked"
    same = (found.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(found) & np.isnan(expected))
    print(name, found.shape == expected.shape, int((~same).sum()))
"""

BY_BOTH = sorted(set(ggml.BLOCKS) - {"Q8_1", "Q8_K", "Q1_0", "Q2_0"})


def test_every_ggml_type_is_what_the_gguf_package_makes_of_it_in_a_fresh_process() -> None:
    """The process only dequantises, so that nothing is made ready by quantising before."""
    pytest.importorskip("gguf", reason="the gguf package is the other opinion")
    if ggml._library() is None:
        pytest.skip("no llama-cpp-python")
    told = subprocess.run(
        [sys.executable, "-c", FRESH, *BY_BOTH], capture_output=True, text=True, check=False
    )
    assert told.stdout.splitlines() == [f"{name} True 0" for name in BY_BOTH], told.stderr[-500:]


def test_without_ggml_the_gguf_package_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gguf", reason="the gguf package is the fallback")
    data = np.random.default_rng(1).integers(0, 120, (3, 2 * 34), np.uint8)
    expected = ggml.dequantize("Q8_0", data)
    monkeypatch.setattr(ggml, "_to_float", lambda _name: None)
    np.testing.assert_array_equal(ggml.dequantize("Q8_0", data), expected)


def test_one_bit_and_two_bit_blocks_by_their_formulas() -> None:
    if ggml._to_float("Q1_0") is None:
        pytest.skip("only ggml decodes them")
    bits = np.random.default_rng(2).integers(0, 256, 16, np.uint8)
    block = np.concatenate([np.array([0.5], np.float16).view(np.uint8), bits])
    expected = np.where(np.unpackbits(bits, bitorder="little"), 0.5, -0.5)
    np.testing.assert_array_equal(ggml.dequantize("Q1_0", block[None])[0], expected)


def test_blocks_of_the_engine_are_scales_times_signed_bytes() -> None:
    levels = np.arange(-16, 16, dtype=np.int8)
    q8_1 = np.concatenate([np.array([0.25, 9], np.float16).view(np.uint8), levels.view(np.uint8)])
    np.testing.assert_array_equal(ggml.dequantize("Q8_1", q8_1[None])[0], levels * 0.25)
    wide = np.arange(-128, 128).astype(np.int8)
    q8_k = np.concatenate(
        [np.array([3], np.float32).view(np.uint8), wide.view(np.uint8), np.zeros(32, np.uint8)]
    )
    np.testing.assert_array_equal(ggml.dequantize("Q8_K", q8_k[None])[0], wide * 3.0)
