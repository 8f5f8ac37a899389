"""Means and co-moments of units, updated a block at a time."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.correlation.pair_sums import F32, F64, MOST_ROWS, PairSums
from llmri_clustering.correlation.state import NOT_NEGATIVE, Kept, State, array, nested, number, part

LEAST_DECAY = 0.5  # a sample; with it a block keeps little enough of what was before
MOST_SAMPLES = MOST_ROWS - 1
EXPONENT_SLACK = 8  # a unit's scale follows its deviation once they are further apart than 2 to this
EXPONENTS = (-400, 400)  # a deviation under 2 to the first is taken for 0: its fourth power leaves float64


class CoMoments:
    """Weighted mean, second central moment and co-moments of units.

    A block is merged by the update of Chan, Golub and LeVeque (1983, "Algorithms for computing the sample
    variance", equation 2.1; Welford 1962 for single samples): deviations from the block's own mean, and one
    row for the distance between the two means. So no two large sums are ever subtracted, whatever the mean.
    Means and moments are float64. Co-moments are float32, of deviations divided by a power of two near each
    unit's own deviation: neither a massive activation nor a nearly silent unit leaves float32's range.

    Attributes:
        decay: What a sample's weight is multiplied with for each sample after it; 1 for equal weights.
        weight: Sum of the weights.
        mean: Weighted mean, `[units]`.
        moment: Weighted sum of squared deviations from it, `[units]`.
        rounding: Spacing of the numbers at 1 in the finest type that samples came in.
    """

    def __init__(self, units: int, decay: float = 1.0) -> None:
        self.decay = decay
        self.weight = 0.0
        self.mean: F64 = np.zeros(units)
        self.moment: F64 = np.zeros(units)
        self.rounding = 1.0
        self._exponent: npt.NDArray[np.int32] = np.zeros(units, dtype=np.int32)
        self._pairs = PairSums(units)

    def update(self, block: F64) -> None:
        """Take in some samples, `[samples, units]`, at most `MOST_SAMPLES`, the oldest first."""
        if self.weight == 0:
            self.mean = block[0].copy()  # a constant unit then deviates by exactly 0
        keep = self.decay ** len(block)
        weights = self.decay ** np.arange(len(block) - 1, -1, -1, dtype=np.float64)
        here, there = self.weight * keep, float(weights.sum())
        self.weight = here + there

        deviations = block - self.mean
        shift = weights @ deviations / there
        deviations -= shift
        deviations *= np.sqrt(weights)[:, None]
        between = np.sqrt(here * there / self.weight) * shift
        terms = np.vstack([deviations, between])

        self.mean += shift * (there / self.weight)
        before = self.moment
        self.moment = keep * before + np.einsum("ij,ij->j", terms, terms)
        self._rescale(before)
        self._pairs.add_products(terms * np.ldexp(1.0, -self._exponent), keep)

    def absorb(self, other: "CoMoments") -> None:
        """Take in another's samples, of which none decays; the other stays as it is."""
        self.rounding = min(self.rounding, other.rounding)
        if other.weight == 0:
            return
        if self.weight == 0:
            self.mean = other.mean.copy()
        weight = self.weight + other.weight
        shift = other.mean - self.mean
        between = np.sqrt(self.weight * other.weight / weight) * shift
        self.mean += shift * (other.weight / weight)
        self.moment = self.moment + other.moment + between**2
        self.weight = weight

        exponent = self._exponent_of_deviation()
        mine, theirs = np.ldexp(1.0, self._exponent - exponent), np.ldexp(1.0, other._exponent - exponent)
        self._pairs.absorb(other._pairs, mine, theirs, between * np.ldexp(1.0, -exponent))
        self._exponent = exponent

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """Whether each unit has been constant to the rounding of its own values, `[units]`.

        A unit that only wavers between two neighbouring floating-point numbers deviates by less than this.
        """
        deviation = np.sqrt(self.moment / max(self.weight, 1.0))
        return deviation <= np.maximum(self.rounding / 2 * np.abs(self.mean), 2.0 ** EXPONENTS[0])

    def correlation(self) -> F32:
        """Return the Pearson correlation, `[units, units]`; a constant unit has 0 with all others."""
        varies = ~self.constant
        scale = np.zeros(len(self.mean))
        scale[varies] = np.ldexp(1.0, self._exponent[varies]) / np.sqrt(self.moment[varies])
        correlation: F32 = np.empty((len(self.mean), len(self.mean)), dtype=np.float32)
        for rows, columns, sums in self._pairs.tiles():
            np.multiply(sums, scale[rows, None], out=sums)
            np.multiply(sums, scale[columns], out=sums)
            tile = np.clip(sums, -1, 1, out=sums).astype(np.float32)
            if rows == columns:
                tile = np.triu(tile, 1) + np.triu(tile, 1).T
            correlation[rows, columns] = tile
            correlation[columns, rows] = tile.T
        np.fill_diagonal(correlation, 1)
        return correlation

    def state(self) -> State:
        """Return everything, as arrays of its own."""
        return {
            "decay": np.array(self.decay),
            "weight": np.array(self.weight),
            "rounding": np.array(self.rounding),
            "mean": self.mean.copy(),
            "moment": self.moment.copy(),
            "exponent": self._exponent.copy(),
            **nested("pairs", self._pairs.state()),
        }

    @classmethod
    def from_state(cls, state: Kept, units: int) -> "CoMoments":
        """Go on from a state.

        Raises:
            ValueError: The state is not one of this many units.
        """
        moments = cls(0, number(state, "decay", float, (LEAST_DECAY, 1)))
        moments.weight = number(state, "weight", float)
        moments.rounding = number(state, "rounding", float)
        moments.mean = array(state, "mean", np.float64, (units,)).copy()
        moments.moment = array(state, "moment", np.float64, (units,), NOT_NEGATIVE).copy()
        moments._exponent = array(state, "exponent", np.int32, (units,), EXPONENTS).copy()
        moments._pairs = PairSums.from_state(part("pairs", state), units)
        return moments

    def _rescale(self, before: F64) -> None:
        """Let the scales follow the deviations; co-moments of units that had any are rescaled with them."""
        exponent = self._exponent_of_deviation()
        moved = np.flatnonzero(np.abs(exponent - self._exponent) > EXPONENT_SLACK)
        for unit in moved[before[moved] > 0]:
            self._pairs.shift(int(unit), int(self._exponent[unit] - exponent[unit]))
        self._exponent[moved] = exponent[moved]

    def _exponent_of_deviation(self) -> npt.NDArray[np.int32]:
        """Return the power of two near each unit's deviation, `[units]`; a constant one keeps its own."""
        exponent = np.frexp(np.sqrt(self.moment / self.weight))[1]
        return np.where(self.moment > 0, np.maximum(exponent, EXPONENTS[0]), self._exponent)
