"""What happens at a node, on a tensor of ggml's own."""

import ctypes
from collections.abc import Iterator

import numpy as np
import pytest

from llmri_server.llama_runtime.context import Pass
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.ggml import F16, ContextParameters, Tensor
from llmri_server.llama_runtime.interventions import Compiled, Program
from llmri_server.llama_runtime.interventions.gates import ALWAYS
from llmri_server.llama_runtime.interventions.steps import Adding
from llmri_server.llama_runtime.node_handlers import NodeHandlers
from llmri_server.llama_runtime.sites import Site

VALUES = np.array([[0.5, -1.25, 3.0, 65504.0], [0.1, 2.0, -7.5, 1e-7]], np.float16)
NUMBER, POINTER = ctypes.c_int64, ctypes.c_void_p


@pytest.fixture
def half() -> Iterator[int]:
    """Yield the address of a tensor of two rows of four values in float16."""
    ggml = engine().ggml
    context = ggml.function("ggml_init", POINTER, ContextParameters)(ContextParameters(1 << 16, None, True))
    new = ggml.function("ggml_new_tensor_2d", POINTER, POINTER, ctypes.c_int, NUMBER, NUMBER)
    address = new(context, F16, 4, 2)
    buffer = ggml.function("ggml_backend_alloc_ctx_tensors_from_buft", POINTER, POINTER, POINTER)(
        context, ggml.function("ggml_backend_cpu_buffer_type", POINTER)()
    )
    ggml.put(address, VALUES.ctypes.data, 0, VALUES.nbytes)
    yield address
    ggml.function("ggml_backend_buffer_free", None, POINTER)(buffer)
    ggml.function("ggml_free", None, POINTER)(context)


def test_float16_is_read_as_float32_and_edits_are_written_back_in_float16(half: int) -> None:
    ggml = engine().ggml
    assert Tensor.from_address(half).type == F16
    program = Program([(ALWAYS, Adding(np.array([0, 2]), np.array([1.0, 0.25], np.float32)))])
    for compiled, added in (
        (Compiled(), 0.0),
        (Compiled((), {("z", 0): program}), np.array([1, 0, 0.25, 0])),
    ):
        stops = NodeHandlers(ggml, {"z": Site("z", 4)}, frozenset(), compiled, (("z", (0,)),))
        stops.begin(Pass((5, 6), 0, 2, (0, 1)), kept=2)
        stops.at["z", 0](half, True)
        expected = VALUES.astype(np.float32) + np.float32(added)
        np.testing.assert_array_equal(stops.kept["z"][:, 0], expected)
        back = np.zeros_like(VALUES)
        ggml.get(half, back.ctypes.data, 0, back.nbytes)
        np.testing.assert_array_equal(back, expected.astype(np.float16))
