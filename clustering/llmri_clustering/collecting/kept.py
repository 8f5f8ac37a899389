"""A fair sample of scans, with where each comes from."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from llmri_clustering.collecting.coding import Coding, Halves

FIRST = 16  # scans that are kept as they are, to tell what centre and scale suit
WITNESSES = 256  # units whose values are also kept as they are
LAST = 256  # scans kept by which the centre and the scale were looked at for the last time


class Kept(NamedTuple):
    """A scan that was kept.

    Attributes:
        number: Its number in the stream, from 0.
        turn: Its turn.
        token: The token that stood there, by its number in the turn.
        stored: `[units]`, in float32 or coded in half precision.
        coding: How it is coded; None where it is not.
        witness: The values of some units as they were, to tell the error by, `[witnesses]`; None where all
            are as they were.
    """

    number: int
    turn: int
    token: int
    stored: npt.NDArray[np.float32] | Halves
    coding: Coding | None = None
    witness: npt.NDArray[np.float32] | None = None

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """Return its values, `[units]`."""
        if self.coding is None:
            return np.asarray(self.stored, dtype=np.float32)
        return self.coding.decoded(np.asarray(self.stored, dtype=np.float16))


class KeptScans:
    """At most `size` scans of a stream, each kept with the same probability (algorithm R, Vitter 1985).

    Scans in float32 are kept as they are given, not copied, so nobody may write to them later. That makes it
    cheap to take all of them at one moment while more arrive. In half precision a scan is coded when it is
    kept; which are kept is the same.

    Args:
        size: How many are kept at most.
        seed: Of the choice.
        half: Keep them in half precision, 2 bytes a value.

    Attributes:
        size: How many are kept at most.
        seen: How many scans there have been.
    """

    def __init__(self, size: int, seed: int, *, half: bool = False) -> None:
        self.size = size
        self.seen = 0
        self._half = half
        self._coding: Coding | None = None
        self._witnesses = np.zeros(0, dtype=np.intp)
        self._kept: list[Kept] = []
        self._random = np.random.default_rng(seed)
        self._drawing = np.random.default_rng([seed, 1])  # of witnesses: the choice of scans is not touched

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def witnesses(self) -> npt.NDArray[np.intp]:
        """Return the units whose values are also kept as they are, ascending."""
        return self._witnesses

    @property
    def nbytes(self) -> int:
        """Return the bytes of all values kept."""
        witnesses = (0 if scan.witness is None else scan.witness.nbytes for scan in self._kept)
        return sum(scan.stored.nbytes for scan in self._kept) + sum(witnesses)

    def add(self, values: npt.NDArray[np.float32], turn: int, token: int) -> None:
        """Let one scan `[units]` go by."""
        if self.seen < self.size:
            scan = self._stored(Kept(self.seen, turn, token, values))  # which may code all others anew
            self._kept.append(scan)
            if self._half and FIRST <= len(self._kept) <= LAST and _is_power_of_two(len(self._kept)):
                self._suit()
        elif (place := int(self._random.integers(self.seen + 1))) < self.size:
            self._kept[place] = self._stored(Kept(self.seen, turn, token, values))
        self.seen += 1

    def in_order(self) -> tuple[Kept, ...]:
        """Return the scans kept, as they came; in half precision all in the same coding."""
        if self._half and self._coding is None and self._kept:
            self._suit()
        return tuple(sorted(self._kept, key=lambda scan: scan.number))

    def _stored(self, scan: Kept) -> Kept:
        """Return a scan as it came in the way that it is kept."""
        if self._coding is None:
            return scan
        values = np.asarray(scan.stored, dtype=np.float32)
        if not self._coding.holds(values):
            self._code_anew(self._coding.widened(values))
        return _coded(scan, self._coding, values[self._witnesses])

    def _suit(self) -> None:
        """Choose a centre and a scale for what is kept so far, unless they suit already."""
        values = np.stack([scan.values for scan in self._kept])
        if self._coding is None:
            units = values.shape[1]
            chosen = self._drawing.choice(units, min(WITNESSES, units), replace=False)
            self._witnesses = np.sort(chosen)
        elif self._coding.suits(values.mean(axis=0), values.std(axis=0)):
            return
        roundings = 1 if self._coding is None else self._coding.roundings + 1
        self._code_anew(replace(Coding.of(values).widened(values), roundings=roundings))

    def _code_anew(self, coding: Coding) -> None:
        """Bring all that is kept into another coding; who took it earlier has it as it was."""
        self._kept = [
            _coded(scan, coding, scan.values[self._witnesses] if scan.witness is None else scan.witness)
            for scan in self._kept
        ]
        self._coding = coding


def _coded(scan: Kept, coding: Coding, witness: npt.NDArray[np.float32]) -> Kept:
    return scan._replace(stored=coding.encoded(scan.values), coding=coding, witness=witness)


def _is_power_of_two(count: int) -> bool:
    return count & (count - 1) == 0
