"""Which rows and which units take part in a correlation, and what was left out, in words."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LARGEST = float(np.finfo(np.float32).max)
NUMBERS = "fiub"  # the kinds of dtype that are real numbers

Scans = npt.NDArray[np.floating]
Units = npt.NDArray[np.bool_] | Sequence[int] | npt.NDArray[np.integer]


class Selection:
    """Leaves out the first tokens of every sequence, and units that must not count.

    Attention-sink positions dominate correlations: at the first token of a sequence a few units are hundreds
    of times larger than anywhere else (Xiao et al. 2023, "Efficient streaming language models with attention
    sinks"; Sun et al. 2024, "Massive activations in large language models"), so one such sample outweighs all
    others.

    Attributes:
        left_out: Units that do not take part, `[units]`.
        skip_first: How many tokens at the start of a sequence are left out.
        skipped: Scans left out so far.
        unplaced: Scans taken in without a position, which may have been first tokens.
    """

    def __init__(self, units: int, left_out: Units | None, skip_first: int) -> None:
        if skip_first < 0:
            raise ValueError(f"skip_first is {skip_first}, expected 0 tokens or more")
        self.left_out = as_mask(left_out, units)
        self.skip_first = skip_first
        self.skipped = 0
        self.unplaced = 0

    def rows(self, batch: Scans, positions: npt.ArrayLike | None) -> Scans:
        """Return the rows that take part, with 0 for units that do not, and count the others.

        Args:
            batch: Scans, `[n, units]`, or one scan, `[units]`.
            positions: Position of each in its sequence, from 0, `[n]`; None where nobody knows.

        Raises:
            ValueError: The shapes do not fit, or a value that would be taken in is not finite.
        """
        rows = self._checked(batch)
        stays = np.full(len(rows), True) if positions is None else self._stays(positions, len(rows))
        taken = rows if stays.all() else rows[stays]
        self._check_finite(taken, np.flatnonzero(stays))
        self.skipped += len(rows) - len(taken)
        self.unplaced += len(taken) if positions is None else 0
        return np.where(self.left_out, np.zeros((), taken.dtype), taken) if self.left_out.any() else taken

    def sentences(self) -> tuple[str, ...]:
        """Say what was left out, and what could not be."""
        said = []
        if self.skip_first:
            first = "token" if self.skip_first == 1 else f"{self.skip_first} tokens"
            said.append(f"the first {first} of each sequence: {_scans(self.skipped)}")
        if self.skip_first and self.unplaced:
            said.append(f"nothing of {_scans(self.unplaced)} that came without a position")
        if self.left_out.any():
            said.append(f"protected units: {np.count_nonzero(self.left_out)}")
        return tuple(said)

    def _checked(self, batch: Scans) -> Scans:
        rows = np.atleast_2d(np.asarray(batch))
        units = len(self.left_out)
        if rows.shape != (len(rows), units):
            raise ValueError(f"the batch is {list(np.shape(batch))}, expected [n, {units}] or [{units}]")
        if rows.dtype.kind not in NUMBERS:
            raise ValueError(f"the batch holds {rows.dtype}, expected real numbers")
        return rows

    def _stays(self, positions: npt.ArrayLike, count: int) -> npt.NDArray[np.bool_]:
        found = np.atleast_1d(np.asarray(positions))
        if found.shape != (count,):
            raise ValueError(f"there are positions {list(found.shape)} for {count} scans, expected [{count}]")
        return np.asarray(found >= self.skip_first)

    def _check_finite(self, rows: Scans, numbers: npt.NDArray[np.intp]) -> None:
        if not rows.size or (float(rows.min()) >= -LARGEST and float(rows.max()) <= LARGEST):
            return  # which NaN never does
        wrong = ~(np.abs(rows.astype(np.float64)) <= LARGEST) & ~self.left_out
        if wrong.any():
            row, unit = np.argwhere(wrong)[0]
            raise ValueError(
                f"{np.count_nonzero(wrong)} of the batch's {rows.size} values are not finite in float32, the "
                f"first in unit {unit} of scan {numbers[row]} ({rows[row, unit]}): nothing of it was taken in"
            )


def as_mask(units: Units | None, count: int) -> npt.NDArray[np.bool_]:
    """Return indices, or a mask, as a mask, `[count]`.

    Raises:
        ValueError: It has another length, or names a unit that does not exist.
    """
    chosen = np.asarray([] if units is None else units)
    if chosen.dtype == np.bool_:
        if chosen.shape != (count,):
            raise ValueError(f"the mask of units left out is {list(chosen.shape)}, expected [{count}]")
        return chosen.copy()
    if chosen.size and chosen.dtype.kind not in "iu":
        raise ValueError(f"units left out are {chosen.dtype}, expected indices or a mask")
    unknown = [int(unit) for unit in chosen.ravel() if not 0 <= unit < count]
    if unknown:
        raise ValueError(f"unit {unknown[0]} is to be left out, known are 0 to {count - 1}")
    mask = np.zeros(count, dtype=np.bool_)
    mask[chosen.ravel().astype(np.intp)] = True
    return mask


def _scans(count: int) -> str:
    return f"{count} scan" if count == 1 else f"{count} scans"
