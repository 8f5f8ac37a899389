"""Tensors as matrices of numbers, read a window at a time."""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from llmri_weights.arrays import Bytes, Values
from llmri_weights.dtypes import DTYPES, decodable
from llmri_weights.errors import WeightsError
from llmri_weights.files.stored import Stored

BFLOAT16_BYTES = 2
WIDE = 16  # elements; a shorter last axis is a kernel's and no row
BAND = 1 << 21  # elements decoded at once
MOST_STRIDED = 1 << 31  # bytes of a transposed or otherwise strided tensor, held whole


class Matrix(Protocol):
    """Numbers in rows and columns."""

    @property
    def rows(self) -> int:
        """Return how many it has."""

    @property
    def columns(self) -> int:
        """Return how many it has."""

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return rows `top` to `bottom` and columns `left` to `right`, float32 or float64.

        Raises:
            WeightsError: They can't be read or decoded.
        """


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns that a tensor is shown as.

    A vector is one row. Where there are more than two axes, a stack of matrices is one under the other, and a
    convolution has a row for each output channel.
    """
    if len(shape) <= 1:
        return 1, math.prod(shape)
    if len(shape) == 2 or shape[-1] >= WIDE:  # noqa: PLR2004
        return math.prod(shape[:-1]), shape[-1]
    return shape[0], math.prod(shape[1:])


def bands(matrix: Matrix, most: int = BAND) -> Iterator[tuple[int, Values]]:
    """Yield a matrix in bands of whole rows, of at most so many elements, with each its first row."""
    step = max(1, most // max(1, matrix.columns))
    for top in range(0, matrix.rows if matrix.columns else 0, step):
        yield top, matrix.window(top, min(matrix.rows, top + step), 0, matrix.columns)


def unconverted(matrix: Matrix, top: int, bottom: int, left: int, right: int) -> Values:
    """Return a window, of bfloat16 as its patterns, uint16, which a kernel widens by itself."""
    if isinstance(matrix, StoredMatrix) and matrix.tensor.dtype == "BF16" and matrix.tensor.strides is None:
        size = BFLOAT16_BYTES
        raw = matrix.raw(top, bottom, left * size, right * size)
        return np.ascontiguousarray(raw).view(np.uint16)
    return matrix.window(top, bottom, left, right)


class StoredMatrix:
    """A tensor that a file stores element by element, or block by block along its rows.

    Args:
        tensor: Where it lies.

    Raises:
        WeightsError: It has a fault, or its kind of element is not known.
    """

    def __init__(self, tensor: Stored) -> None:
        if tensor.fault:
            raise WeightsError(tensor.fault)
        self.tensor = tensor
        self._decode, self._dtype = decodable(tensor.dtype), DTYPES[tensor.dtype]
        self.rows, self.columns = matrix_shape(tensor.shape)
        self._whole: Values | None = None

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part of it, as `Matrix.window` does."""
        if bottom <= top or right <= left:
            return np.zeros((max(0, bottom - top), max(0, right - left)), np.float32)
        if self.tensor.strides is not None:
            return self._strided()[top:bottom, left:right]
        block = self._dtype.elements
        first, last = left // block, -(-right // block)
        data = self.raw(top, bottom, first * self._dtype.size, last * self._dtype.size)
        return self._decode(data)[:, left - first * block : right - first * block]

    def raw(self, top: int, bottom: int, first: int, last: int) -> Bytes:
        """Return bytes `first` to `last` of each of some rows, `[rows, bytes]`."""
        tensor, row = self.tensor, self.row_bytes
        if row - (last - first) <= tensor.source.request_cost:
            data = tensor.source.read(tensor.offset + top * row, (bottom - top) * row)
            return data.reshape(bottom - top, row)[:, first:last]
        found = np.empty((bottom - top, last - first), np.uint8)
        for index in range(bottom - top):
            found[index] = tensor.source.read(tensor.offset + (top + index) * row + first, last - first)
        return found

    @property
    def row_bytes(self) -> int:
        """Return how many bytes a row takes."""
        return self.columns // self._dtype.elements * self._dtype.size

    def _strided(self) -> Values:
        """Return all of a tensor whose elements lie in another order."""
        if self._whole is None:
            tensor, size = self.tensor, self._dtype.size
            strides = tensor.strides or ()
            last = sum((length - 1) * step for length, step in zip(tensor.shape, strides, strict=True))
            needed = (last + 1) * size
            if max(needed, tensor.elements * size) > MOST_STRIDED:
                raise WeightsError(
                    f"`{tensor.name}` is stored in another order and has {needed} bytes, "
                    f"at most {MOST_STRIDED} are read"
                )
            flat = self._decode(tensor.source.read(tensor.offset, needed))
            steps = [step * flat.itemsize for step in strides]
            ordered = np.lib.stride_tricks.as_strided(flat, tensor.shape, steps, writeable=False)
            self._whole = ordered.reshape(self.rows, self.columns)
        return self._whole
