"""What the same search finds where no two units have anything to do with each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Distance
from llmri_clustering.evidence.quality import quality_of_samples
from llmri_clustering.evidence.stability import Recipe, stability

NEAREST = 50  # null clusters that a cluster is held against, so that two or three lie above the percentile
PERCENTILE = 95.0


@dataclass(frozen=True, eq=False)
class Null:
    """Clusters found in permuted samples, over all repeats.

    Attributes:
        sizes: Units in each, `[null clusters]`.
        inside: Mean correlation over its pairs, `[null clusters]`.
        separation: As in `Quality`, `[null clusters]`.
        stability: As `stability` gives it, `[null clusters]`.
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


def null_statistics(
    samples: npt.NDArray[np.float32],
    turn: npt.NDArray[np.int32],
    recipe: Recipe,
    *,
    distance: Distance = "1 - r",
    repeats: int,
    resamples: int,
    rng: np.random.Generator,
) -> Null:
    """Cluster permuted samples by the same recipe and measure what it finds there.

    The clusters of the real samples, measured in permuted ones, would be no fair null: their units were
    chosen because they correlate, and chosen clusters correlate in noise too.

    Args:
        samples: Activations, `[samples, units]`, in the order they were collected.
        turn: The turn of each sample, `[samples]`.
        recipe: How samples are clustered.
        distance: As for the real clusters.
        repeats: How many permutations; each gives as many null clusters as the recipe finds.
        resamples: Halves for the stability of each, as many as for the real clusters.
        rng: Where the randomness comes from.
    """
    nothing = (np.zeros(0, np.intp), np.zeros(0), np.zeros(0), np.zeros(0))
    found = [nothing]
    for _ in range(repeats):
        permuted = shifted(samples, rng)
        labels = recipe(permuted)
        quality = quality_of_samples(permuted, labels, distance=distance)
        steady = stability(permuted, turn, labels, recipe, resamples=resamples, rng=rng)
        found.append((quality.sizes, quality.inside, quality.separation, steady))
    sizes, inside, separation, steady = (np.concatenate(column) for column in zip(*found, strict=True))
    return Null(sizes, inside, separation, steady)
