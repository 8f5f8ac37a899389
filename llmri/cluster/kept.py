"""A fair sample of scans, with where each comes from."""

import numpy as np
import numpy.typing as npt


class KeptScans:
    """At most `size` scans of a stream, each kept with the same probability (algorithm R, Vitter 1985).

    The memory is `4 size units` bytes, and the system gives it only as far as scans came.

    Attributes:
        seen: How many scans there have been.
    """

    def __init__(self, size: int, units: int, seed: int) -> None:
        self.seen = 0
        self._values = np.empty((size, units), dtype=np.float32)
        self._places = np.empty((size, 3), dtype=np.int64)  # its number in the stream, turn, token
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return min(self.seen, len(self._values))

    def add(self, values: npt.NDArray[np.float32], turn: int, token: int) -> None:
        """Let one scan `[units]` go by."""
        full = self.seen >= len(self._values)
        place = int(self._random.integers(self.seen + 1)) if full else self.seen
        if place < len(self._values):
            self._values[place] = values
            self._places[place] = self.seen, turn, token
        self.seen += 1

    def in_order(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Give the scans kept, `[kept, units]`, as they came, and turn and token of each, `[kept]`."""
        places = self._places[: len(self)]
        order = np.argsort(places[:, 0])
        turn, token = places[order, 1:].T.astype(np.int32)
        return self._values[: len(self)][order], turn, token
