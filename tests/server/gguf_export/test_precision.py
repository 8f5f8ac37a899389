"""Each tensor gets the type that its shape allows, and Q4_K as good as llama.cpp's own."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, ReaderTensor, quants
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from llmri_server.gguf_export import Precision
from llmri_server.gguf_export.precision import encode, type_of
from llmri_server.gguf_export.q4_k import quantize_q4_k
from tests.server.gguf_export.conftest import llama_cpp

Q4_K = GGMLQuantizationType.Q4_K


@pytest.mark.parametrize(
    ("name", "shape", "precision", "kind"),
    [
        ("blk.0.ffn_down.weight", (192, 512), "f32", "F32"),
        ("blk.0.ffn_down.weight", (192, 512), "f16", "F16"),
        ("blk.0.ffn_down.weight", (192, 512), "q8_0", "Q8_0"),
        ("blk.0.ffn_down.weight", (192, 512), "q4", "Q4_K"),
        ("blk.0.ffn_up.weight", (512, 192), "q4", "Q4_1"),
        ("blk.0.ffn_up.weight", (512, 48), "q4", "F16"),
        ("token_embd.weight", (768, 192), "q4", "Q8_0"),
        ("output.weight", (768, 256), "q4", "Q8_0"),
        ("blk.0.attn_norm.weight", (192,), "q8_0", "F32"),
        ("blk.0.ffn_gate_inp.weight", (8, 256), "q4", "F32"),
        ("blk.0.ffn_up_exps.weight", (8, 64, 256), "q4", "Q4_K"),
    ],
)
def test_a_tensor_gets_the_nearest_type(
    name: str, shape: tuple[int, ...], precision: Precision, kind: str
) -> None:
    assert type_of(name, shape, precision).name == kind


def test_a_float32_file_of_pocket_holds_what_a_float16_file_holds(
    pocket: Callable[[Precision], Path],
) -> None:
    halves = {tensor.name: tensor.data for tensor in GGUFReader(pocket("f16")).tensors}
    for tensor in GGUFReader(pocket("f32")).tensors:
        np.testing.assert_array_equal(tensor.data, halves[tensor.name].astype(np.float32))


def quantised_by_llama_cpp(source: Path, file_type: int) -> dict[str, ReaderTensor]:
    """Let llama.cpp quantise a whole file."""
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = file_type
    path = source.with_name(f"by-llama-cpp-{file_type}.gguf")
    assert llama_cpp.llama_model_quantize(bytes(source), bytes(path), ctypes.byref(parameters)) == 0
    return {tensor.name: tensor for tensor in GGUFReader(path).tensors}


def test_q8_0_of_pocket_is_llama_cpps_own_to_the_bit(pocket: Callable[[Precision], Path]) -> None:
    theirs = quantised_by_llama_cpp(pocket("f32"), llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0)
    ours = GGUFReader(pocket("q8_0")).tensors
    assert {tensor.name for tensor in ours} == theirs.keys()
    for tensor in ours:
        assert tensor.tensor_type == theirs[tensor.name].tensor_type
        np.testing.assert_array_equal(tensor.data, theirs[tensor.name].data, tensor.name)


def test_q4_k_of_pocket_is_nearly_llama_cpps_own(pocket: Callable[[Precision], Path]) -> None:
    """Of weights half way between two levels, one takes the upper and one the lower."""
    theirs = quantised_by_llama_cpp(pocket("f32"), llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S)
    compared = 0
    for tensor in GGUFReader(pocket("q4")).tensors:
        if tensor.tensor_type == theirs[tensor.name].tensor_type == Q4_K:
            assert (tensor.data == theirs[tensor.name].data).mean() > 0.99, tensor.name
            compared += 1
    assert compared == 7  # llama.cpp gives the first more bits


def llama_cpp_q4_k(values: np.ndarray) -> np.ndarray:
    """Quantise `[rows, columns]` with llama.cpp's own code."""
    library = next((Path(llama_cpp.__file__).parent / "lib").glob("*ggml-base*"))
    chunk = ctypes.CDLL(str(library)).ggml_quantize_chunk
    chunk.restype, chunk.argtypes = (
        ctypes.c_size_t,
        [
            ctypes.c_int,
            *[ctypes.c_void_p] * 2,
            *[ctypes.c_int64] * 3,
            ctypes.c_void_p,
        ],
    )
    rows, columns = values.shape
    given_values = np.ascontiguousarray(values, np.float32)
    packed = np.empty((rows, columns // 256 * 144), np.uint8)
    written = chunk(int(Q4_K), given_values.ctypes.data, packed.ctypes.data, 0, rows, columns, None)
    assert written == packed.nbytes
    return packed


def error(values: np.ndarray, packed: np.ndarray) -> float:
    return float(np.linalg.norm(quants.dequantize(packed, Q4_K) - values))


@pytest.mark.parametrize("spread", ["normal", "skewed", "few large"])
def test_q4_k_is_as_near_as_llama_cpp_gets(spread: str) -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_normal((32, 512)).astype(np.float32)
    if spread == "skewed":
        values = np.exp(values)
    if spread == "few large":
        values[:, ::97] *= 40
    assert error(values, quantize_q4_k(values)) <= 1.005 * error(values, llama_cpp_q4_k(values))


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.sampled_from([(1, 256), (2, 512), (2, 1, 256)]),
        elements=st.floats(-100, 100, width=32),
    )
)
def test_q4_k_never_misses_by_more_than_its_step(values: np.ndarray) -> None:
    back = quants.dequantize(encode(values, Q4_K), Q4_K)
    blocks = values.reshape(-1, 256)
    top = np.abs(blocks).max(axis=1, keepdims=True)
    assert back.shape == values.shape
    smallest = 2.0**-24 * 15 * 63  # of a block, as float16 counts its scale
    assert (np.abs(back.reshape(blocks.shape) - blocks) <= 2 * top / 15 + 2 * top / 63 + smallest).all()


def test_q4_k_keeps_zeros() -> None:
    zeros = np.zeros((2, 512), np.float32)
    assert error(zeros, quantize_q4_k(zeros)) == 0
