"""What of ggml is touched: the layout of a tensor, and the functions that read and write its values.

The public interface of llama.cpp hands a callback the address of a tensor and no accessor for what stands in
it, so the structure is read as ggml.h declares it. `layout.check` tries that on tensors of our own first.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from llmri_server.runtime import LoadError

DIMENSIONS, SOURCES, NAME_LENGTH, OP_PARAMETERS = 4, 10, 64, 16

F32, F16 = 0, 1  # of `ggml_type`


class Tensor(ctypes.Structure):
    """`struct ggml_tensor`, as ggml.h of llama.cpp 0.5 declares it."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * DIMENSIONS),
        ("nb", ctypes.c_size_t * DIMENSIONS),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * OP_PARAMETERS),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * SOURCES),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * NAME_LENGTH),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    )


class ContextParameters(ctypes.Structure):
    """`struct ggml_init_params`."""

    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


_POINTER, _SIZE, _INTEGER, _TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p


class Ggml:
    """The functions of the library `ggml-base` that llama-cpp-python brings.

    Attributes:
        get: Copies `size` bytes of a tensor, from an offset on, to an address.
        put: Copies bytes from an address into a tensor.
        operation: Gives the name of an operation by its number.

    Raises:
        LoadError: The library has not all of them.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self.get = self.function("ggml_backend_tensor_get", None, _POINTER, _POINTER, _SIZE, _SIZE)
        self.put = self.function("ggml_backend_tensor_set", None, _POINTER, _POINTER, _SIZE, _SIZE)
        self.op_name: Callable[[int], bytes] = self.function("ggml_op_name", _TEXT, _INTEGER)
        self.operation = cache(lambda number: self.op_name(number).decode())
        self.type_name: Callable[[int], bytes] = self.function("ggml_type_name", _TEXT, _INTEGER)

    def function(self, name: str, result: object, *arguments: object) -> Callable[..., Any]:
        """Return an exported function with its types.

        Raises:
            LoadError: It is not exported.
        """
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise LoadError(
                f"this build of llama.cpp has no `{name}`, without which nothing inside it can be read; "
                "reinstall llama-cpp-python"
            ) from None
        function.restype, function.argtypes = result, arguments
        called: Callable[..., Any] = function
        return called


def is_contiguous(tensor: Tensor, size: int) -> bool:
    """Whether the values, of so many bytes each, lie one behind the other."""
    stride = size
    for length, step in zip(tensor.ne, tensor.nb, strict=True):
        if length > 1 and step != stride:
            return False
        stride *= length
    return True
