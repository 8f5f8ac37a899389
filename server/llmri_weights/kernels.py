"""The sum, the sum of squares, the peak, and what is not finite, of every block of a matrix.

numba compiles them where it is installed, which takes seconds the first time on a machine: that happens
beside what a person waits for, and numpy does the same until then.
"""

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from llmri_weights.arrays import Doubles, Values
from llmri_weights.decoding.bfloat16 import from_bfloat16
from llmri_weights.folding import folded

BLOCK = 32
VERSION = 1  # of what a summary holds; another one is made anew


class BlockSums(NamedTuple):
    """What adds up to the statistics of blocks, each `[row blocks, column blocks]`; only finite values count.

    Attributes:
        total: The sum of the values.
        squares: Of their squares.
        absmax: The largest magnitude.
        nonfinite: How many values are NaN or infinite.
    """

    total: Doubles
    squares: Doubles
    absmax: Doubles
    nonfinite: Doubles


Kernel = Callable[[Values, int, Doubles], None]


class _Compiled:
    """The compiled kernels by the kind of values, once they are there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = False
        self.kernels: dict[np.dtype[Any], Kernel] = {}

    def load(self) -> None:
        """Compile them, or read what was compiled before; nothing where numba is missing."""
        with self._lock:
            if self.kernels:
                return
            try:
                module = import_module("llmri_weights.compiled")
            except ImportError:
                return
            found: dict[np.dtype[Any], Kernel] = {
                np.dtype(np.float32): module.float_sums,
                np.dtype(np.uint16): module.bfloat16_sums,
            }
            for kind, kernel in found.items():
                kernel(np.ones((2, 2), kind), 2, np.zeros((4, 1, 1)))
            self.kernels = found

    def load_beside(self) -> None:
        """Do so in a thread of its own, once."""
        if not self._started:
            self._started = True
            threading.Thread(target=self.load, name="weight kernels", daemon=True).start()


_COMPILED = _Compiled()


def block_sums(values: Values, side: int = BLOCK, *, wait: bool = False) -> BlockSums:
    """Return the sums of the blocks of a matrix; the last ones may be smaller.

    Args:
        values: `[rows, columns]`: float32, float64, or bfloat16 as uint16 patterns.
        side: Of a block, elements.
        wait: Whether compiling may be waited for; else numpy does it as long as nothing is compiled.
    """
    if wait:
        _COMPILED.load()
    else:
        _COMPILED.load_beside()
    kernel = _COMPILED.kernels.get(values.dtype)
    if kernel is None:
        return by_numpy(values, side)
    sums = np.zeros((4, *(-(-length // side) for length in values.shape)))
    kernel(np.ascontiguousarray(values), side, sums)
    return BlockSums(*sums)


def by_numpy(values: Values, side: int = BLOCK) -> BlockSums:
    """Return what `block_sums` does, by numpy alone."""
    values = from_bfloat16(values) if values.dtype == np.uint16 else values
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0).astype(np.float64)
    return BlockSums(
        folded(np.add, kept, side, side),
        folded(np.add, np.square(kept), side, side),
        folded(np.maximum, np.abs(kept), side, side),
        folded(np.add, ~finite, side, side),
    )
