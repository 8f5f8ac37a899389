"""A fair sample of a stream."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.correlation.state import Kept, State, array, number

F64 = npt.NDArray[np.float64]


class Reservoir:
    """Rows of a stream, each kept with the same probability (algorithm R, Vitter 1985).

    Every row of the stream takes one random number, so the same rows are kept however they are split.

    Attributes:
        size: How many rows are kept at most.
        seen: How many rows there have been.
    """

    def __init__(self, size: int, units: int, seed: int = 0) -> None:
        self.size = size
        self.seen = 0
        self._seed = seed
        self._kept: F64 = np.zeros((size, units))
        self._random = _random(seed, 0)

    @property
    def rows(self) -> F64:
        """Show the rows kept, `[rows, units]`, in no order that means anything."""
        return self._kept[: min(self.seen, self.size)]

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Let some rows go by, `[rows, units]`."""
        order = np.arange(self.seen, self.seen + len(rows))
        drawn = (self._random.random(len(rows)) * (order + 1)).astype(np.intp)
        place = np.where(order < self.size, order, drawn)
        stays = place < self.size
        self._kept[place[stays]] = rows[stays]  # where two rows want one place, the later has it
        self.seen += len(rows)

    def absorb(self, other: "Reservoir") -> None:
        """Keep a fair sample of both streams; the other stays as it is.

        How many rows come from each stream is drawn as if all rows of both were at hand.
        """
        draw = np.random.default_rng([self._seed, self.seen, other._seed, other.seen])
        seen = self.seen + other.seen
        room = min(self.size, seen)
        ours = int(draw.hypergeometric(self.seen, other.seen, room))
        kept = np.concatenate(
            [
                draw.permutation(self.rows)[:ours],
                draw.permutation(other.rows)[: room - ours],
            ]
        )
        self._kept[:room] = kept
        self.seen = seen
        self._random = _random(self._seed, seen)

    def state(self) -> State:
        """Return everything, as arrays of its own."""
        return {
            "size": np.array(self.size),
            "seen": np.array(self.seen),
            "seed": np.array(self._seed),
            "rows": self.rows.copy(),
        }

    @classmethod
    def from_state(cls, state: Kept, units: int) -> "Reservoir":
        """Go on from a state.

        Raises:
            ValueError: The state is not one of this many units.
        """
        size, seen = number(state, "size", int), number(state, "seen", int)
        rows = array(state, "rows", np.float64, (min(size, seen), units))
        reservoir = cls(size, units, number(state, "seed", int))
        reservoir.seen = seen
        reservoir._kept[: len(rows)] = rows
        reservoir._random = _random(reservoir._seed, seen)
        return reservoir


def _random(seed: int, drawn: int) -> np.random.Generator:
    """The generator as it stands after so many numbers from 0 to 1: its whole state is two integers."""
    return np.random.Generator(np.random.PCG64(seed).advance(drawn))
