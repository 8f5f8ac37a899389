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
    PermutedSearch,
    Quality,
    Recipe,
    half_agreements,
    null_of,
)
from llmri_clustering.sources import SampleSource

NULL_HALVES = 2  # of each permutation, where verdicts are in doubt: the fewest that tell how much they differ
NULL_CLUSTERS = 100  # with so many, twice what a cluster is held against, no further permutation is needed
FEWEST_HALVES = 2  # of the samples, to tell how much halves differ
PRECISE = 0.05  # standard error of a stability that needs no further half
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
        for_halves, for_null = np.random.SeedSequence(options.seed).spawn(2)
        self._halves = half_agreements(
            samples,
            turn,
            labels,
            recipe,
            resamples=options.resamples,
            rng=np.random.default_rng(for_halves),
            skip=self.halves,
        )
        self._for_permutations = [for_null, *for_null.spawn(options.nulls - 1)]
        self._null_halves = 1
        self._searches: dict[int, PermutedSearch] = {}

    @property
    def halves(self) -> int:
        """Return how many halves there were so far."""
        return len(self.known.agreement)

    def gathered(self) -> Iterator[Round]:
        """Yield what there is after each round, until it is settled: at least once.

        The first half comes first, then the permutations with a half each, then the other halves. Where
        verdicts are in doubt, the permutations get a second half, which tells their spread.
        """
        if not self.halves:
            self._half()
        if not self._enough_permutations():
            yield self._round()
        self._permute()
        yield self._round()
        while not self._settled():
            if self.halves >= FEWEST_HALVES and not self._null_precise() and self._in_doubt() > FEW_IN_DOUBT:
                self._null_halves = NULL_HALVES
                self._permute()
            else:
                self._half()
            yield self._round()

    def _half(self) -> None:
        self.known = self.known.with_half(next(self._halves))

    def _permute(self) -> None:
        """Search permuted samples until there are null clusters enough, each with so many halves."""
        for number, permutation in enumerate(self.known.permutations):
            if len(permutation.agreement) < self._null_halves:
                self.known = self.known.with_permutation(self._searched(number), number)
        while not self._enough_permutations():
            number = len(self.known.permutations)
            self.known = self.known.with_permutation(self._searched(number), number)

    def _searched(self, number: int) -> Permutation:
        if number not in self._searches:
            self._searches[number] = PermutedSearch(
                self._samples,
                self._turn,
                self._recipe,
                distance=self._options.distance,
                resamples=NULL_HALVES,
                rng=np.random.default_rng(self._for_permutations[number]),
            )
        return self._searches[number].found(self._null_halves)

    def _enough_permutations(self) -> bool:
        """Tell whether there are null clusters enough, or as many permutations as may be."""
        permutations = self.known.permutations
        some = len(permutations) > 0 and sum(map(len, permutations)) >= NULL_CLUSTERS
        return some or len(permutations) >= self._options.nulls

    def _null_precise(self) -> bool:
        """Tell whether the permutations have halves enough to tell their spread."""
        return all(len(each.agreement) >= NULL_HALVES for each in self.known.permutations)

    def _round(self) -> Round:
        known = self._enough_permutations()
        null = null_of(self.known.permutations, self.halves) if known else None
        return Round(
            self.known.agreement.mean(axis=0), self.halves, null, known and self._settled(), self.known
        )

    def _settled(self) -> bool:
        """Tell whether a further half would hardly turn a verdict or move a stability, or may not be."""
        if self.halves >= self._options.resamples:
            return self._null_precise() or self.halves == 1 or self._in_doubt() <= FEW_IN_DOUBT
        if self.halves < FEWEST_HALVES:
            return False
        return self._error() <= PRECISE and self._in_doubt() <= FEW_IN_DOUBT

    def _error(self) -> float:
        """Return the standard error of a stability, by how much halves of one cluster differ on average."""
        if not self.known.agreement.shape[1]:
            return 0.0
        return float(np.sqrt(self.known.agreement.var(axis=0, ddof=1).mean() / self.halves))

    def _in_doubt(self) -> float:
        """Return the share of clusters whose verdict may yet turn: those near the null of their stability."""
        if not len(self._quality.sizes):
            return 0.0
        sizes, steady = self._quality.sizes, self.known.agreement.mean(axis=0)
        null = null_of(self.known.permutations, self.halves)
        least = null if self._null_precise() else null_of(self.known.permutations, self.halves, lowest=True)
        inside, _, above = null.at_sizes(sizes).T
        below = least.at_sizes(sizes)[:, 2]
        error = DOUBTFUL * self._error()
        near = (steady > below - error) & (steady <= above + error)
        return float(np.mean(near & (self._quality.inside > inside)))
