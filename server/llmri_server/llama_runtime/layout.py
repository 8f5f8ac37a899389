"""Whether tensors lie in memory as `Tensor` says, tried on two of our own before a model is loaded."""

import ctypes

import numpy as np

from llmri_server.llama_runtime.ggml import ContextParameters, Ggml, Tensor
from llmri_server.runtime import LoadError

NAME = b"llmri-self-test"
SHAPE = (3, 2)  # ggml counts the fastest dimension first
MEMORY = 1 << 16

_POINTER = ctypes.c_void_p


def check(ggml: Ggml, versions: str) -> None:
    """Make tensors through exported functions and read them through the structure.

    Raises:
        LoadError: Something stands elsewhere; the message says what, and gives the versions.
    """
    context = ggml.function("ggml_init", _POINTER, ContextParameters)(
        ContextParameters(MEMORY, None, True)  # the values come into a backend's buffer
    )
    try:
        wrong = _differences(ggml, context)
    finally:
        ggml.function("ggml_free", None, _POINTER)(context)
    if wrong:
        raise LoadError(
            f"a tensor of {versions} has its {', '.join(wrong)} elsewhere than this version of LLMRI reads "
            "it; use the llama-cpp-python that LLMRI names, or a newer LLMRI"
        )


def _differences(ggml: Ggml, context: int) -> list[str]:
    """Name the fields that do not hold what was put in."""
    number = ctypes.c_int64
    new = ggml.function("ggml_new_tensor_2d", _POINTER, _POINTER, ctypes.c_int, number, number)
    known = new(context, 0, *SHAPE)
    ggml.function("ggml_set_name", _POINTER, _POINTER, ctypes.c_char_p)(known, NAME)
    total = ggml.function("ggml_add", _POINTER, _POINTER, _POINTER, _POINTER)(context, known, known)
    buffer = ggml.function("ggml_backend_alloc_ctx_tensors_from_buft", _POINTER, _POINTER, _POINTER)(
        context, ggml.function("ggml_backend_cpu_buffer_type", _POINTER)()
    )
    try:
        return [name for name, right in _trials(ggml, known, total).items() if not right]
    finally:
        ggml.function("ggml_backend_buffer_free", None, _POINTER)(buffer)


def _trials(ggml: Ggml, known: int, total: int) -> dict[str, bool]:
    values = np.arange(1, 7, dtype=np.float32).reshape(SHAPE[::-1])
    ggml.put(known, values.ctypes.data, 0, values.nbytes)
    back = np.zeros_like(values)
    ggml.get(known, back.ctypes.data, 0, back.nbytes)
    tensor, result = Tensor.from_address(known), Tensor.from_address(total)
    trials = {
        "name": tensor.name == NAME,
        "type": tensor.type == 0,
        "shape": tuple(tensor.ne) == (*SHAPE, 1, 1),
        "strides": tuple(tensor.nb[:2]) == (4, 4 * SHAPE[0]),
        "operation": ggml.op_name(result.op) == b"ADD",
        "sources": tuple(result.src[:3]) == (known, known, None),
        "values": bool((back == values).all()),
    }
    if all(trials.values()) and tensor.data:  # an address is followed only where all else is right
        trials["data"] = ctypes.string_at(tensor.data, values.nbytes) == values.tobytes()
    return trials
