"""The correlation of units, kept up while samples arrive."""

from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.correlation.comoments import LEAST_DECAY, MOST_SAMPLES, CoMoments
from llmri_clustering.correlation.ranks import spearman
from llmri_clustering.correlation.reservoir import Reservoir
from llmri_clustering.correlation.selection import Scans, Selection, Units, as_mask
from llmri_clustering.correlation.state import Kept, State, array, nested, number, part

VERSION = 1
GATHER = 64  # rows: enough for BLAS to work at full speed, few enough that the last tokens count soon


class RunningCorrelation:
    """Pearson correlation of every two units, of one layer or several together, over samples as they arrive.

    It equals `numpy.corrcoef` over all the samples together to 1e-6. Rows are gathered, and taken in 64 at a
    time by one symmetric product. So the way samples are split does not change a bit of the result, unless it
    is asked for in between: that takes in what is gathered, and changes it by rounding only.

    Memory: 4 units^2 bytes for the co-moments, 8 gather units for rows, 8 reservoir units for the reservoir,
    and 4 units^2 again for what `correlation` or `state` gives. Nothing else grows with the square.

    Args:
        units: How many units there are.
        decay: What a sample's weight is multiplied with for each sample after it, from 0.5 to 1, to follow a
            live drift (see `decay_of`); None for equal weights. The reservoir weighs all samples alike.
        left_out: Units that do not take part, such as protected ones: indices, or a mask `[units]`.
        skip_first: How many tokens at the start of each sequence are left out, where positions are given. By
            default the first: attention sinks stand there, and dominate correlations (see `Selection`).
        reservoir: How many samples to keep for `spearman`.
        seed: Of the reservoir.
        gather: How many rows to gather before they are taken in, from 1 to 128.

    Raises:
        ValueError: One of these is out of range.
    """

    def __init__(
        self,
        units: int,
        *,
        decay: float | None = None,
        left_out: Units | None = None,
        skip_first: int = 1,
        reservoir: int = 0,
        seed: int = 0,
        gather: int = GATHER,
    ) -> None:
        for name, value, least in (("units", units, 1), ("reservoir", reservoir, 0), ("seed", seed, 0)):
            if value < least:
                raise ValueError(f"{name} is {value}, expected at least {least}")
        if not 1 <= gather <= MOST_SAMPLES:
            raise ValueError(f"gather is {gather} rows, expected 1 to {MOST_SAMPLES}")
        if decay is not None and not LEAST_DECAY <= decay <= 1:
            raise ValueError(f"decay is {decay} a sample, expected {LEAST_DECAY} to 1")
        self._count = 0
        self._selection = Selection(units, left_out, skip_first)
        self._comoments = CoMoments(units, 1.0 if decay is None else decay)
        self._reservoir = Reservoir(reservoir, units, seed)
        self._gathered: npt.NDArray[np.float64] = np.empty((gather, units))
        self._waiting = 0  # rows of `_gathered` that are not taken in yet

    @property
    def units(self) -> int:
        """Return the number of units."""
        return len(self._selection.left_out)

    @property
    def count(self) -> int:
        """Return the number of samples taken in, those skipped not counted."""
        return self._count

    @property
    def skipped(self) -> int:
        """Return the number of scans left out for their position."""
        return self._selection.skipped

    @property
    def left_out(self) -> npt.NDArray[np.bool_]:
        """Tell which units do not take part, `[units]`."""
        return self._selection.left_out.copy()

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """Tell which of the other units were constant to the rounding of their values so far, `[units]`."""
        self._take_in()
        return self._comoments.constant & ~self._selection.left_out

    def left_out_sentences(self) -> tuple[str, ...]:
        """Say what was left out, such as `the first token of each sequence: 12 scans`."""
        return self._selection.sentences()

    def add(self, batch: Scans, positions: npt.ArrayLike | None = None) -> None:
        """Take in some scans; of a batch that is refused, nothing is.

        Args:
            batch: Activations, `[n, units]`, or `[units]` for one scan.
            positions: Position of each scan in its sequence, from 0, `[n]`. Without, none can be left out.

        Raises:
            ValueError: The shapes do not fit, or a value is not finite.
        """
        rows = self._selection.rows(batch, positions)
        if not len(rows):
            return
        spacing = np.finfo(rows.dtype if rows.dtype.kind == "f" else np.float64).eps
        self._comoments.rounding = min(self._comoments.rounding, float(spacing))
        if self._reservoir.size:
            self._reservoir.add(rows)
        self._gather(rows)

    def leave_out(self, units: Units) -> None:
        """Let more units not take part, nor what they did before; the others stay as they are.

        Raises:
            ValueError: One does not exist.
        """
        self._selection.left_out |= as_mask(units, self.units)

    def merge(self, other: "RunningCorrelation") -> None:
        """Take in all that another one has, which stays as it is.

        Raises:
            ValueError: They do not count the same units and positions, or a decay makes their order matter.
        """
        self._check_mergeable(other)
        waiting = other._gathered[: other._waiting].copy()
        self._count += other._count - len(waiting)
        self._comoments.absorb(other._comoments)
        if self._reservoir.size:
            self._reservoir.absorb(other._reservoir)
        self._selection.skipped += other._selection.skipped
        self._selection.unplaced += other._selection.unplaced
        self._gather(waiting)

    def correlation(self) -> npt.NDArray[np.float32]:
        """Return the Pearson correlation, `[units, units]`.

        Constant units and those left out have 0 with all others. Every unit has 1 with itself.
        """
        self._take_in()
        correlation = self._comoments.correlation()
        out = np.flatnonzero(self._selection.left_out)
        correlation[out], correlation[:, out] = 0, 0
        correlation[out, out] = 1
        return correlation

    def spearman(self) -> npt.NDArray[np.float32]:
        """Return Spearman's rank correlation over the reservoir, `[units, units]`, as `correlation` does.

        Raises:
            ValueError: No reservoir was kept.
        """
        if not self._reservoir.size:
            raise ValueError("ranks need samples: no reservoir was kept, expected reservoir=1 or more")
        samples = self._reservoir.rows.copy()
        samples[:, self.constant | self._selection.left_out] = 0
        return spearman(samples)

    def state(self) -> State:
        """Return everything as arrays of its own, from which to go on to the same bits."""
        selection = self._selection
        return {
            "version": np.array(VERSION),
            "count": np.array(self._count),
            "left_out": self.left_out,
            "skip_first": np.array(selection.skip_first),
            "skipped": np.array(selection.skipped),
            "unplaced": np.array(selection.unplaced),
            "gather": np.array(len(self._gathered)),
            "waiting": self._gathered[: self._waiting].copy(),
            **nested("comoments", self._comoments.state()),
            **nested("reservoir", self._reservoir.state()),
        }

    @classmethod
    def from_state(cls, state: Kept) -> Self:
        """Go on from what `state` gave.

        Raises:
            ValueError: It is of another version, or something in it is missing or wrong.
        """
        version = number(state, "version", int)
        if version != VERSION:
            raise ValueError(f"the state is of version {version}, expected {VERSION}")
        left_out = array(state, "left_out", np.bool_, (None,))
        units, gather = len(left_out), number(state, "gather", int)
        waiting = array(state, "waiting", np.float64, (None, units))
        count = number(state, "count", int)
        if len(waiting) >= gather or len(waiting) > count:
            raise ValueError(
                f"{len(waiting)} rows wait in the state, expected fewer than {gather} and at most {count}"
            )
        skip_first = number(state, "skip_first", int)
        running = cls(units, left_out=left_out, skip_first=skip_first, gather=gather)
        running._count = count
        running._selection.skipped = number(state, "skipped", int)
        running._selection.unplaced = number(state, "unplaced", int)
        running._comoments = CoMoments.from_state(part("comoments", state), units)
        running._reservoir = Reservoir.from_state(part("reservoir", state), units)
        running._gathered[: len(waiting)] = waiting
        running._waiting = len(waiting)
        return running

    def _gather(self, rows: Scans) -> None:
        self._count += len(rows)
        while len(rows):
            some = rows[: len(self._gathered) - self._waiting]
            self._gathered[self._waiting : self._waiting + len(some)] = some
            self._waiting += len(some)
            if self._waiting == len(self._gathered):
                self._take_in()
            rows = rows[len(some) :]

    def _take_in(self) -> None:
        if self._waiting:
            self._comoments.update(self._gathered[: self._waiting])
            self._waiting = 0

    def _check_mergeable(self, other: "RunningCorrelation") -> None:
        if self._comoments.decay != 1 or other._comoments.decay != 1:
            raise ValueError("correlations with a decay cannot be merged: their samples have no common order")
        mine, theirs = self._selection, other._selection
        for name, here, there in (
            ("units", self.units, other.units),
            ("skip_first", mine.skip_first, theirs.skip_first),
            ("reservoir", self._reservoir.size, other._reservoir.size),
        ):
            if here != there:
                raise ValueError(f"{name} is {there} in what is to be merged, expected {here} as here")
        if (mine.left_out != theirs.left_out).any():
            different = int(np.flatnonzero(mine.left_out != theirs.left_out)[0])
            raise ValueError(
                f"unit {different} is left out in only one of the two, expected in both or neither"
            )


def decay_of(half_life: float) -> float:
    """Return the decay a sample with which a sample's weight halves after so many later ones, at least 1.

    Raises:
        ValueError: The half-life is shorter.
    """
    if not half_life >= 1:
        raise ValueError(f"the half-life is {half_life} samples, expected at least 1")
    return float(0.5 ** (1 / half_life))
