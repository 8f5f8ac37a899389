"""What every packing has in common: the tensors it is found in, and a matrix over them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import StoredMatrix
from llmri_weights.weight import Weight

Find = Callable[[Mapping[str, Stored], Mapping[str, Any]], list[Weight]]


class Window(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right`, the last ones not among them."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class UnpackedMatrix:
    """A matrix whose windows a packing works out.

    Attributes:
        rows: How many it has.
        columns: How many it has.
        of: Returns rows and columns, as `Matrix.window` does.
    """

    rows: int
    columns: int
    of: Callable[[Window], Values]

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part of it, as `Matrix.window` does."""
        if bottom <= top or right <= left:
            return np.zeros((max(0, bottom - top), max(0, right - left)), np.float32)
        return self.of(Window(top, bottom, left, right))


def whole(tensor: Stored) -> Values:
    """Return all values of a small tensor, `[rows, columns]`."""
    matrix = StoredMatrix(tensor)
    return matrix.window(0, matrix.rows, 0, matrix.columns)


def stems(tensors: Mapping[str, Stored], ending: str) -> list[str]:
    """Return what stands before an ending, of every tensor whose name has it."""
    return [name.removesuffix(ending) for name in tensors if name.endswith(ending)]


def quantization(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a configuration says of its quantisation; {} where it says nothing."""
    for key in ("quantization_config", "quantization", "compression_config"):
        found = config.get(key)
        if isinstance(found, dict):
            return found
    return {}


def widened(scales: Values, rows: slice, columns: slice, block: tuple[int, int]) -> Values:
    """Return the scale of each element of a window, of scales `[row blocks, column blocks]`."""
    down = np.arange(rows.start, rows.stop) // block[0]
    across = np.arange(columns.start, columns.stop) // block[1]
    found: Values = scales[np.ix_(down, across)]
    return found
