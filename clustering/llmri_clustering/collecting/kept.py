"""A fair sample of scans, with where each comes from."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Kept(NamedTuple):
    """A scan that was kept.

    Attributes:
        number: Its number in the stream, from 0.
        turn: Its turn.
        token: The token that stood there, by its number in the turn.
        values: `[units]`.
    """

    number: int
    turn: int
    token: int
    values: npt.NDArray[np.float32]


class KeptScans:
    """At most `size` scans of a stream, each kept with the same probability (algorithm R, Vitter 1985).

    Scans are kept as they are given, not copied, so nobody may write to them later. That makes it cheap to
    take all of them at one moment while more arrive.

    Attributes:
        size: How many are kept at most.
        seen: How many scans there have been.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seen = 0
        self._kept: list[Kept] = []
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, values: npt.NDArray[np.float32], turn: int, token: int) -> None:
        """Let one scan `[units]` go by."""
        scan = Kept(self.seen, turn, token, values)
        if self.seen < self.size:
            self._kept.append(scan)
        elif (place := int(self._random.integers(self.seen + 1))) < self.size:
            self._kept[place] = scan
        self.seen += 1

    def in_order(self) -> tuple[Kept, ...]:
        """Return the scans kept, as they came."""
        return tuple(sorted(self._kept, key=lambda scan: scan.number))
