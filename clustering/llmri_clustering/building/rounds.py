"""Evidence round by round: halves of the samples and permutations of them, until the verdicts are settled."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.building.known import KnownEvidence
from llmri_clustering.building.options import BuildOptions
from llmri_clustering.evidence import (
    Null,
    Permutation,
    Quality,
    Recipe,
    half_agreements,
    null_of,
    permutation,
)
from llmri_clustering.sources import SampleSource

NULL_HALVES = 2  # of each permutation: the fewest that tell how much halves differ
NULL_CLUSTERS = 100  # with so many, twice what a cluster is held against, no further permutation is needed
FEWEST_HALVES = 2  # of the samples, to tell how much halves differ
PRECISE = 0.03  # standard error of a stability that needs no further half
DOUBTFUL = 2.0  # standard errors between a stability and its null, below which the verdict may yet turn
FEW_IN_DOUBT = 1 / 50  # of the clusters


@dataclass(frozen=True, eq=False)
class Round:
    """What evidence there is after one more round.

    Attributes:
        stability: Mean agreement of each cluster with the halves so far, `[clusters]`; NaN without any.
        halves: How many there were.
        null: Of clusters in permuted samples; None before they are known.
        settled: Whether more would change next to nothing.
        known: All of it, for a later build.
    """

    stability: npt.NDArray[np.float64]
    halves: int
    null: Null | None
    settled: bool
    known: KnownEvidence


class EvidenceRounds:
    """Gathers evidence for some clusters.

    Args:
        samples: What the Pearson correlation is taken of, `[samples, units]`.
        turn: The turn of each sample, `[samples]`.
        labels: Number of each unit's cluster, `[units]`; -1 in none.
        recipe: How samples are clustered.
        options: How often to resample and permute at most.
        quality: What the correlations say of the clusters.
        known: What an earlier build gathered that still holds.

    Attributes:
        known: What there is so far.
    """

    def __init__(
        self,
        *,
        samples: SampleSource,
        turn: npt.NDArray[np.int32],
        labels: npt.NDArray[np.int32],
        recipe: Recipe,
        options: BuildOptions,
        quality: Quality,
        known: KnownEvidence | None = None,
    ) -> None:
        self._samples, self._turn, self._labels = samples, turn, labels
        self._recipe, self._options, self._quality = recipe, options, quality
        self.known = known or KnownEvidence.nothing(quality, samples.shape[0])
        for_halves, for_null = np.random.default_rng(options.seed).spawn(2)
        self._halves = half_agreements(
            samples, turn, labels, recipe, resamples=options.resamples, rng=for_halves, skip=self.halves
        )
        self._for_permutations = for_null.spawn(options.nulls)

    @property
    def halves(self) -> int:
        """Return how many halves there were so far."""
        return len(self.known.agreement)

    def gathered(self) -> Iterator[Round]:
        """Yield what there is after each round, until it is settled: at least once.

        The first half comes first, then the permutations, then the other halves.
        """
        known = self.halves > 0 and self._enough_permutations()
        if known:
            yield self._round()
        if not self.halves:
            self._half()
            yield self._round()
        if not self._enough_permutations():
            while not self._enough_permutations():
                self._permute()
            yield self._round()
        while not self._settled(self._null()):
            self._half()
            yield self._round()

    def _half(self) -> None:
        self.known = self.known.with_half(next(self._halves))

    def _permute(self) -> None:
        found = permutation(
            self._samples,
            self._turn,
            self._recipe,
            distance=self._options.distance,
            halves=min(NULL_HALVES, self._options.resamples),
            rng=self._for_permutations[len(self._permutations)],
        )
        self.known = self.known.with_permutation(found)

    @property
    def _permutations(self) -> tuple[Permutation, ...]:
        return self.known.permutations

    def _enough_permutations(self) -> bool:
        """Tell whether there are null clusters enough, or as many permutations as may be."""
        clusters = sum(map(len, self._permutations))
        some = len(self._permutations) > 0 and clusters >= NULL_CLUSTERS
        return some or len(self._permutations) >= self._options.nulls

    def _null(self) -> Null:
        return null_of(self._permutations, self.halves)

    def _round(self) -> Round:
        null = self._null() if self._enough_permutations() else None
        stability = self.known.agreement.mean(axis=0)
        settled = null is not None and self._settled(null)
        return Round(stability, self.halves, null, settled, self.known)

    def _settled(self, null: Null) -> bool:
        """Tell whether a further half would hardly turn a verdict or move a stability, or may not be."""
        if self.halves >= self._options.resamples:
            return True
        if self.halves < FEWEST_HALVES:
            return False
        agreement = self.known.agreement
        if not agreement.shape[1]:
            return True
        error = float(np.sqrt(agreement.var(axis=0, ddof=1).mean() / self.halves))
        inside, _, steady = null.at_sizes(self._quality.sizes).T
        near = np.abs(agreement.mean(axis=0) - steady) < DOUBTFUL * error
        doubt = np.mean(near & (self._quality.inside > inside))
        return bool(error <= PRECISE and doubt <= FEW_IN_DOUBT)
