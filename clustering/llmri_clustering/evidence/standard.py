"""Units on one scale: z scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.sources import SampleSource, blocks


@dataclass(frozen=True, eq=False)
class Standard:
    """Mean and deviation of every unit over some samples.

    Attributes:
        mean: `[units]`.
        deviation: Population standard deviation, `[units]`; 0 for a constant unit.
    """

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]

    @classmethod
    def of(cls, values: npt.NDArray[np.float32]) -> Self:
        """Measure samples `[samples, units]`."""
        mean = values.mean(axis=0, dtype=np.float64)
        deviation = values.std(axis=0, dtype=np.float64, mean=mean[None, :])
        # A rounded mean leaves a constant unit a tiny deviation, which would blow rounding up into a signal.
        deviation[(values == values[0]).all(axis=0)] = 0
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def z(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Standardise samples `[samples, units]`, these or others; a constant unit is 0 throughout."""
        scale = np.divide(1, self.deviation, out=np.zeros_like(self.deviation), where=self.deviation > 0)
        z: npt.NDArray[np.float32] = (values - self.mean) * scale
        return z


def standard_scores(source: SampleSource) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield the units and the z scores `[samples, those units]` of block after block."""
    for here, values in blocks(source):
        single = values.astype(np.float32, copy=False)
        yield here, Standard.of(single).z(single)
