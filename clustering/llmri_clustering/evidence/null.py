"""What the same search finds where no two units have anything to do with each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Distance
from llmri_clustering.evidence.quality import Quality, quality_of_samples
from llmri_clustering.evidence.stability import Recipe, half_agreements
from llmri_clustering.sources import SampleSource, ShiftedUnits, held

NEAREST = 50  # null clusters that a cluster is held against, so that two or three lie above the percentile
PERCENTILE = 95.0


@dataclass(frozen=True, eq=False)
class Null:
    """Clusters found in permuted samples, over all repeats.

    Attributes:
        sizes: Units in each, `[null clusters]`.
        inside: Mean correlation over its pairs, `[null clusters]`.
        separation: As in `Quality`, `[null clusters]`.
        stability: As `stability` gives it, or what it would be over as many halves, `[null clusters]`.
    """

    sizes: npt.NDArray[np.intp]
    inside: npt.NDArray[np.float64]
    separation: npt.NDArray[np.float64]
    stability: npt.NDArray[np.float64]

    def at(self, size: int) -> tuple[float, float, float]:
        """Return the 95th percentile of inside, separation and stability for clusters of about this size.

        It is taken over the 50 null clusters whose sizes are nearest by ratio: the fewer units a cluster
        has, the higher is the correlation that a search finds by chance. Where the search found no
        cluster at all in permuted samples, it is 0.
        """
        if not len(self.sizes):
            return 0.0, 0.0, 0.0
        nearest = np.argsort(np.abs(np.log(self.sizes / size)), kind="stable")[:NEAREST]
        columns = np.stack([self.inside[nearest], self.separation[nearest], self.stability[nearest]])
        inside, separation, steady = np.percentile(columns, PERCENTILE, axis=1)
        return float(inside), float(separation), float(steady)

    def at_sizes(self, sizes: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return what `at` gives for each of some sizes, `[sizes, 3]`."""
        distinct, which = np.unique(sizes, return_inverse=True)
        found = [self.at(size) for size in distinct.tolist()]
        return np.array(found, dtype=np.float64).reshape(-1, 3)[which]


def shifted(samples: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Permute each unit's samples in time, by a circular shift of its own.

    A shift unties units from each other and leaves every unit its own distribution and its own
    autocorrelation. Freely shuffled samples lose the latter; held against them, slow units that are
    independent pass for related, since two slow courses correlate by chance (Yule 1926; surrogate data,
    Theiler et al. 1992). Two units with near shifts stay related: with many units to a sample the null
    lies a little too high, never too low.

    Args:
        samples: Activations, `[samples, units]`, in the order they were collected.
        rng: Where the randomness comes from.
    """
    length, units = samples.shape
    start = rng.integers(length, size=units)
    rows = (np.arange(length)[:, None] + start) % length
    return np.take_along_axis(samples, rows, axis=0)


@dataclass(frozen=True, eq=False)
class Permutation:
    """The clusters that a search finds in permuted samples.

    Attributes:
        quality: What the correlations say of them.
        agreement: How well each half of the permuted samples finds them again, `[halves, clusters]`.
    """

    quality: Quality
    agreement: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.quality.sizes)


class PermutedSearch:
    """Clusters permuted samples by the recipe of the real ones, and measures what it finds there.

    The clusters of the real samples, measured in permuted ones, would be no fair null: their units were
    chosen because they correlate, and chosen clusters correlate in noise too.

    Args:
        samples: Activations, `[samples, units]`, in the order they were collected.
        turn: The turn of each sample, `[samples]`.
        recipe: How samples are clustered.
        distance: As for the real clusters.
        resamples: The most halves.
        rng: Where the randomness comes from.
    """

    def __init__(
        self,
        samples: SampleSource,
        turn: npt.NDArray[np.int32],
        recipe: Recipe,
        *,
        distance: Distance = "1 - r",
        resamples: int,
        rng: np.random.Generator,
    ) -> None:
        length, units = samples.shape
        permuted = held(ShiftedUnits(samples, rng.integers(length, size=units)))
        labels = recipe(permuted)
        self._quality = quality_of_samples(permuted, labels, distance=distance)
        self._halves = half_agreements(permuted, turn, labels, recipe, resamples=resamples, rng=rng)
        self._agreement: list[npt.NDArray[np.float64]] = []

    def found(self, halves: int) -> Permutation:
        """Return what was found, with so many halves: those there are, and further ones."""
        while len(self._agreement) < halves:
            self._agreement.append(next(self._halves))
        return Permutation(self._quality, np.stack(self._agreement))


def null_of(permutations: Sequence[Permutation], halves: int, *, lowest: bool = False) -> Null:
    """Return the null of clusters whose stability is a mean over so many halves.

    A permutation's stability is a mean over fewer. Its clusters differ by what they are and by which halves
    were drawn; the variance between halves of one cluster tells the second apart, and the means are drawn
    together until they spread as those over so many halves would (shrinkage by components of variance, as
    Efron and Morris 1973 have it). So their percentile is neither raised by the fewer halves nor lowered.
    Of a single half the variance is not known: as it stands, its percentile is at least that of a mean.

    Args:
        permutations: What was found in permuted samples; none makes a null of no clusters.
        halves: What the real clusters' stability is a mean over.
        lowest: Take all of the spread for that of halves, so that the percentile is at most the true one.
    """
    if not permutations:
        nothing = np.zeros(0)
        return Null(np.zeros(0, np.intp), nothing, nothing, nothing)
    fewest = min(len(each.agreement) for each in permutations)
    agreement = np.concatenate([each.agreement[:fewest] for each in permutations], axis=1)
    return Null(
        np.concatenate([each.quality.sizes for each in permutations]),
        np.concatenate([each.quality.inside for each in permutations]),
        np.concatenate([each.quality.separation for each in permutations]),
        as_of_halves(agreement, halves, lowest=lowest),
    )


def as_of_halves(
    agreement: npt.NDArray[np.float64], halves: int, *, lowest: bool = False
) -> npt.NDArray[np.float64]:
    """Return the clusters' mean agreement, spread as that over so many halves, `[clusters]`.

    Args:
        agreement: With each half that there is, `[some halves, clusters]`.
        halves: How many there should be; with fewer than there are, nothing changes.
        lowest: Take all of the spread for that of halves.
    """
    count, clusters = agreement.shape
    means = agreement.mean(axis=0)
    if count >= halves or clusters < 2:  # noqa: PLR2004
        return np.asarray(means)
    spread = float(means.var(ddof=1))
    within = spread * count if lowest else float(agreement.var(axis=0, ddof=1).mean()) if count > 1 else 0.0
    between = max(spread - within / count, 0.0)
    factor = np.sqrt((between + within / halves) / spread) if spread > 0 else 1.0
    return np.asarray(means.mean() + min(factor, 1.0) * (means - means.mean()))
