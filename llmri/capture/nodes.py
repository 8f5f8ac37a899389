"""What a callback of llama.cpp can read of a node."""

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime.ggml import Ggml, Tensor, is_contiguous

# Nodes that compute nothing: they show another's memory, or put values into the cache.
VIEWS = frozenset({"NONE", "VIEW", "RESHAPE", "PERMUTE", "TRANSPOSE", "SET_ROWS", "CPY"})
DTYPES: dict[str, type[np.generic]] = {
    "f32": np.float32,
    "f16": np.float16,
    "bf16": np.uint16,
    "i32": np.int32,
}

MATRIX = 2  # dimensions

Values = npt.NDArray[np.generic]


def shape_of(tensor: Tensor) -> list[int]:
    """Return the shape, the slowest dimension first, at least `[rows, units]`, without more leading ones."""
    shape = list(tensor.ne)[::-1]
    while len(shape) > MATRIX and shape[0] == 1:
        shape.pop(0)
    return shape


def holds_values(tensor: Tensor, operation: str, kind: str) -> bool:
    """Whether a node computes values that can be read: of a known type, one behind the other."""
    if operation in VIEWS or kind not in DTYPES:
        return False
    return is_contiguous(tensor, np.dtype(DTYPES[kind]).itemsize)


def values_of(ggml: Ggml, address: int, shape: list[int], kind: str) -> Values:
    """Copy a node's values to this machine's memory, in the shape given; bfloat16 becomes float32."""
    values = np.empty(shape, DTYPES[kind])
    ggml.get(address, values.ctypes.data, 0, values.nbytes)
    if kind == "bf16":
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values
