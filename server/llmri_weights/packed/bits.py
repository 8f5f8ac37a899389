"""Unsigned numbers of a few bits, one after the other from the lowest bit of the lowest byte on."""

import numpy as np
import numpy.typing as npt

from llmri_weights.arrays import Bytes


def unpack_bits(data: Bytes, bits: int) -> npt.NDArray[np.uint8]:
    """Return `[..., bytes * 8 / bits]` numbers of 1 to 8 bits, of bytes `[..., bytes]`."""
    if bits == 8:  # noqa: PLR2004
        return data
    if 8 % bits == 0:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        parts = (data[..., None] >> shifts) & np.uint8((1 << bits) - 1)
        return parts.reshape(*data.shape[:-1], -1)
    single = np.unpackbits(np.ascontiguousarray(data), axis=-1, bitorder="little")
    count = single.shape[-1] // bits
    groups = single[..., : count * bits].reshape(*data.shape[:-1], count, bits)
    numbers: npt.NDArray[np.uint8] = (groups << np.arange(bits, dtype=np.uint8)).sum(axis=-1, dtype=np.uint8)
    return numbers
