"""Memory for the bodies of large frames, used again as soon as nothing looks at it any more.

Fresh memory of megabytes comes from the operating system page by page, which can take as long as
receiving into it.
"""

import numpy as np

# Bodies end on a multiple of this, so that an array at a body's end starts on its own dtype's boundary.
ALIGNMENT = 16
SPARE = 2  # blocks: a body is often still looked at when memory for the next one is needed
WASTE = 2  # a block serves bodies down to this part of its size


class BodyMemory:
    """Hands out writable memory that nobody else looks at, and keeps a little of it for the next time.

    Args:
        budget: Bytes to keep at most, in `SPARE` blocks; longer bodies always get fresh memory.
    """

    def __init__(self, budget: int) -> None:
        self._longest = budget // SPARE - 1
        self._blocks: list[bytearray] = []

    def take(self, length: int, tail: int = 0) -> memoryview:
        """Return memory for `length` bytes that end on a multiple of `ALIGNMENT`, and for a tail behind them.

        What stands in it is arbitrary.
        """
        skip = -length % ALIGNMENT
        end = skip + length + tail
        for index, block in enumerate(self._blocks):
            if end <= len(block) <= WASTE * end and not _in_use(block):
                self._blocks.append(self._blocks.pop(index))  # the one used longest ago stands first
                return memoryview(block)[skip:end]
        self._blocks = [block for block in self._blocks if _in_use(block)]
        if end > self._longest or len(self._blocks) == SPARE:
            return own_memory(length, tail)
        block = bytearray(end + 1)
        del block[-1]  # leaves room for `_in_use`
        self._blocks.append(block)
        return memoryview(block)[skip:end]


def own_memory(length: int, tail: int = 0) -> memoryview:
    """Return fresh memory like that of `BodyMemory.take`, which is given back when nothing looks at it."""
    skip = -length % ALIGNMENT
    return np.empty(skip + length + tail, np.uint8).data[skip:]


def _in_use(block: bytearray) -> bool:
    """Whether a view of the block is alive somewhere: then Python refuses to change its length."""
    try:
        block.append(0)
    except BufferError:
        return True
    del block[-1]
    return False
