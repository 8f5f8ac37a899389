"""Samples in half precision: read a few units at a time, written to a folder, and their error."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.collecting.coding import Coding, Floats, Halves
from llmri_clustering.collecting.kept import Kept
from llmri_clustering.sources import UnitNumbers, blocks

VALUES, CODING = "values.npy", "coding.npz"
PER_VALUE = np.dtype(np.float16).itemsize


def scans_within(budget: int, units: int) -> int:
    """Return how many scans of so many units fit into so many bytes, in half precision.

    2,000 scans of 131,072 units take 524,288,000 bytes and fit 512 MiB.
    """
    return budget // (PER_VALUE * max(1, units))


@dataclass(frozen=True)
class PrecisionError:
    """What correlations are off by, for samples kept in half precision.

    Attributes:
        most: What no pair of units is off by more than, by calculation.
        measured: The largest over the pairs of some units, whose values are known as they were.
        witnesses: How many units these are.
        units: How many there are.
    """

    most: float
    measured: float
    witnesses: int
    units: int

    @property
    def estimate(self) -> bool:
        """Whether `measured` is of some of the pairs only."""
        return self.witnesses < self.units

    def words(self) -> str:
        """Say it in a sentence."""
        of = f"estimated from the pairs of {self.witnesses}" if self.estimate else "measured over all pairs"
        return (
            f"Samples are kept in half precision: it changes a correlation by {self.measured:.1g}, {of} of "
            f"{self.units} units, and none by more than {self.most:.1g}."
        )


@dataclass(frozen=True, eq=False)
class HalfSamples:
    """Samples in half precision.

    Attributes:
        coded: A row of all units for each sample, `[samples][units]`, in memory or mapped from a file.
        coding: Their centre and scale.
        witnesses: Units whose values are known as they were, `[witnesses]`.
        exact: These values, `[samples, witnesses]`.
    """

    coded: Sequence[Halves] | Halves
    coding: Coding
    witnesses: npt.NDArray[np.intp]
    exact: Floats

    @classmethod
    def of_kept(cls, kept: Sequence[Kept], witnesses: npt.NDArray[np.intp]) -> Self:
        """Take the scans that were kept in half precision, without copying them.

        Raises:
            ValueError: There are none, or they are not all in one coding.
        """
        coding = kept[0].coding if kept else None
        exact = [scan.witness for scan in kept if scan.coding is coding and scan.witness is not None]
        if coding is None or len(exact) < len(kept):
            raise ValueError(f"{len(kept)} scans are not all in one coding, expected some in half precision")
        rows = [np.asarray(scan.stored, dtype=np.float16) for scan in kept]
        return cls(rows, coding, witnesses, np.stack(exact))

    @classmethod
    def opened(cls, folder: str | os.PathLike[str]) -> Self:
        """Map what `write` wrote; of the values nothing is read yet.

        Raises:
            OSError: It cannot be read.
            ValueError: It is damaged.
        """
        coded = np.load(Path(folder) / VALUES, mmap_mode="r", allow_pickle=False)
        with np.load(Path(folder) / CODING, allow_pickle=False) as arrays:
            coding = Coding(arrays["centre"], arrays["scale"], int(arrays["roundings"]))
            witnesses, exact = arrays["witnesses"], arrays["exact"]
        expected = (coded.shape[0], len(witnesses)), coded.shape[1:], coded.shape[1:]
        if (exact.shape, coding.centre.shape, coding.scale.shape) != expected:
            raise ValueError(f"samples of shape {coded.shape} come with the coding of others")
        return cls(coded, coding, witnesses, exact)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""
        return len(self.coded), len(self.coding.centre)

    @property
    def nbytes(self) -> int:
        """Return the bytes of all values."""
        samples, units = self.shape
        return PER_VALUE * samples * units

    def columns(self, units: UnitNumbers) -> Floats:
        """Return all samples of some units, `[samples, those units]`."""
        coded = self.coded
        here = coded[:, units] if isinstance(coded, np.ndarray) else np.stack([row[units] for row in coded])
        return self.coding.decoded(np.asarray(here), units)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write all into a folder that is there, a sample at a time.

        Raises:
            OSError: It cannot be written.
        """
        file = np.lib.format.open_memmap(Path(folder) / VALUES, "w+", np.float16, self.shape)
        for number, row in enumerate(self.coded):
            file[number] = row
        file.flush()
        np.savez(
            Path(folder) / CODING,
            centre=self.coding.centre,
            scale=self.coding.scale,
            roundings=self.coding.roundings,
            witnesses=self.witnesses,
            exact=self.exact,
        )

    def error(self) -> PrecisionError:
        """Return what correlations are off by.

        A correlation is the cosine of the angle between two units' standardised samples, and changes by no
        more than rounding turns both (`Coding.turned`). The two units that may be turned most bound all.
        """
        turned = np.zeros(self.shape[1])
        for here, values in blocks(self):
            turned[here] = self.coding.turned(values, here)
        kept = self.columns(self.witnesses)
        return PrecisionError(
            float(np.sort(turned)[-2:].sum()),
            measured_error(self.exact, kept),
            len(self.witnesses),
            self.shape[1],
        )


def measured_error(exact: npt.NDArray[np.floating], kept: npt.NDArray[np.floating]) -> float:
    """Return the largest difference between the correlations of all pairs of some units.

    Args:
        exact: Their samples as they were, `[samples, units]`.
        kept: The same as they were kept.
    """
    correlations = []
    for samples in (exact, kept):
        centred = samples.astype(np.float64) - samples.mean(axis=0, dtype=np.float64)
        length = np.linalg.norm(centred, axis=0)
        unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
        correlations.append(unit.T @ unit)
    return float(np.abs(correlations[0] - correlations[1]).max(initial=0))
