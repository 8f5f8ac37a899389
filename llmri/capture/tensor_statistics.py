"""Statistics of values that come in pieces."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from llmri.capture.document import Statistics

AT_ONCE = 1 << 20  # values: attention scores of a long prompt would fill the memory in float64


@dataclass
class RunningStatistics:
    """Minimum, maximum, mean, deviation, zeros and length of rows, over all pieces so far.

    Mean and squared deviations merge as Chan, Golub and LeVeque (1983) merge them.
    """

    values: int = 0
    non_finite: int = 0
    zeros: int = 0
    rows: int = 0
    mean: float = 0.0
    deviations: float = field(default=0.0, repr=False)
    least: float = np.inf
    most: float = -np.inf

    def add(self, piece: npt.NDArray[np.generic]) -> None:
        """Take another piece, `[..., units]`."""
        self.rows += piece.size // max(piece.shape[-1], 1)
        flat = piece.ravel()
        for start in range(0, flat.size, AT_ONCE):
            self._merge(flat[start : start + AT_ONCE].astype(np.float64))

    def _merge(self, numbers: npt.NDArray[np.float64]) -> None:
        finite = numbers[np.isfinite(numbers)]
        self.non_finite += numbers.size - finite.size
        if not finite.size:
            return
        mean, total = float(finite.mean()), self.values + finite.size
        shift = mean - self.mean
        self.deviations += float(np.square(finite - mean).sum())
        self.deviations += shift**2 * self.values * finite.size / total
        self.mean += shift * finite.size / total
        self.values = total
        self.zeros += int(finite.size - np.count_nonzero(finite))
        self.least, self.most = min(self.least, float(finite.min())), max(self.most, float(finite.max()))

    def result(self) -> Statistics:
        """Return the statistics of all that was added."""
        if not self.values:
            nothing = dict.fromkeys(("min", "max", "mean", "std", "sparsity", "norm"))
            return Statistics(values=0, non_finite=self.non_finite, **nothing)
        squares = self.deviations + self.values * self.mean**2
        return Statistics(
            values=self.values,
            min=self.least,
            max=self.most,
            mean=self.mean,
            std=(self.deviations / self.values) ** 0.5,
            sparsity=self.zeros / self.values,
            norm=(squares / self.rows) ** 0.5,
            non_finite=self.non_finite,
        )
