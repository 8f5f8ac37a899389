"""Samples read a few units at a time: from memory, from a file, or from numbers of half the precision.

Linkage, evidence and layout take one of these as well as an array. What is read is `[samples, units]` of
some units only, so that samples which would not fit in memory are never there as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

HELD = 2**29  # bytes
UNITS_AT_A_TIME = 256  # in float64 beside 512 samples a megabyte, which stays in the cache

Floats = npt.NDArray[np.floating]
UnitNumbers = slice | npt.NDArray[np.intp]


@runtime_checkable
class SampleSource(Protocol):
    """Samples that are read by units."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""

    def columns(self, units: UnitNumbers) -> Floats:
        """Return all samples of some units, `[samples, those units]`, which nobody writes to."""


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Samples in an array, which may be mapped from a file.

    Attributes:
        values: Activations, `[samples, units]`.
    """

    values: npt.NDArray[np.floating]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""
        samples, units = self.values.shape
        return samples, units

    def columns(self, units: UnitNumbers) -> Floats:
        """Return all samples of some units."""
        return self.values[:, units]


@dataclass(frozen=True, eq=False)
class SomeSamples:
    """Some of the samples of a source.

    Attributes:
        source: All of them.
        rows: Which, `[samples]`.
    """

    source: SampleSource
    rows: npt.NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""
        return len(self.rows), self.source.shape[1]

    def columns(self, units: UnitNumbers) -> Floats:
        """Return these samples of some units."""
        values = self.source.columns(units)
        if values.flags.f_contiguous:  # a unit's samples lie side by side
            return values.T[:, self.rows].T
        return values[self.rows]


@dataclass(frozen=True, eq=False)
class SomeUnits:
    """Some of the units of a source.

    Attributes:
        source: All of them.
        chosen: Which, `[units]`.
    """

    source: SampleSource
    chosen: npt.NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""
        return self.source.shape[0], len(self.chosen)

    def columns(self, units: UnitNumbers) -> Floats:
        """Return all samples of some of these units."""
        return self.source.columns(self.chosen[units])


@dataclass(frozen=True, eq=False)
class ShiftedUnits:
    """Every unit's samples shifted around in time by an amount of its own.

    Attributes:
        source: The samples as they came.
        start: Which sample each unit begins with, `[units]`.
    """

    source: SampleSource
    start: npt.NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""
        return self.source.shape

    def columns(self, units: UnitNumbers) -> Floats:
        """Return all samples of some units, shifted."""
        by_unit = np.ascontiguousarray(self.source.columns(units).T)  # a unit's samples lie side by side
        count = by_unit.shape[1]
        rows = (np.arange(count) + self.start[units][:, None]) % count
        return np.take_along_axis(by_unit, rows, axis=1).T


@dataclass(frozen=True, eq=False)
class RankedUnits:
    """The ranks of every unit's samples, from 1; equal samples share their mean rank.

    Attributes:
        source: The samples.
    """

    source: SampleSource

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of units."""
        return self.source.shape

    def columns(self, units: UnitNumbers) -> Floats:
        """Return all ranks of some units."""
        # Imported when first used: it takes most of a second.
        from scipy.stats import rankdata  # type: ignore[import-untyped]  # noqa: PLC0415

        ranks: npt.NDArray[np.float32] = rankdata(self.source.columns(units), axis=0).astype(np.float32)
        return ranks


def source_of(samples: npt.NDArray[np.floating] | SampleSource) -> SampleSource:
    """Return samples as a source; an array `[samples, units]` becomes one.

    Raises:
        ValueError: An array has another number of axes.
    """
    if not isinstance(samples, np.ndarray):
        return samples
    if samples.ndim != 2:  # noqa: PLR2004
        raise ValueError(f"samples have {samples.ndim} axes, expected 2: [samples, units]")
    return ArraySource(samples)


def held(source: SampleSource) -> SampleSource:
    """Return samples that are read often, in memory where they take no more than 512 MiB in float32."""
    samples, units = source.shape
    if samples * units * np.dtype(np.float32).itemsize > HELD:
        return source
    values = np.empty((units, samples), dtype=np.float32)
    for here, block in blocks(source):
        values[here] = block.T
    return ArraySource(values.T)


def blocks(source: SampleSource, units: int = UNITS_AT_A_TIME) -> Iterator[tuple[slice, Floats]]:
    """Yield the units and the samples `[samples, those units]` of block after block."""
    for first in range(0, source.shape[1], units):
        here = slice(first, min(first + units, source.shape[1]))
        yield here, source.columns(here)
