"""Is a cluster found again from half of the samples?"""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from llmri_clustering.evidence.agreement import cluster_agreement
from llmri_clustering.sources import SampleSource, SomeSamples, source_of

Recipe = Callable[[SampleSource], npt.NDArray[np.int32]]
"""From samples `[samples, units]` to the cluster of each unit, `[units]`, -1 in none."""

ENOUGH_TURNS = 10  # 252 different halves
STRETCHES = 20


def half_samples(
    turn: npt.NDArray[np.int32], number: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.intp]]:
    """Draw halves of the samples without replacement, as rows in order.

    Neighbouring tokens are much alike, so single samples drawn at random would leave a near copy of each
    sample in the other half. Whole turns are drawn instead; with fewer than 10 turns, stretches of
    consecutive samples, 20 to the whole.

    Args:
        turn: The turn of each sample, `[samples]`.
        number: How many halves.
        rng: Where the randomness comes from.

    Raises:
        ValueError: There are fewer than four samples.
    """
    samples = len(turn)
    if samples < 4:  # noqa: PLR2004 - a correlation needs two samples in each half
        raise ValueError(f"half-sampling needs at least 4 samples, not {samples}")
    turns, piece = np.unique(turn, return_inverse=True)
    pieces = len(turns)
    if pieces < ENOUGH_TURNS:
        pieces = min(STRETCHES, samples)
        piece = np.arange(samples) * pieces // samples
    for _ in range(number):
        yield np.flatnonzero(np.isin(piece, rng.permutation(pieces)[: pieces // 2]))


def half_agreements(
    samples: SampleSource,
    turn: npt.NDArray[np.int32],
    labels: npt.NDArray[np.int32],
    recipe: Recipe,
    *,
    resamples: int,
    rng: np.random.Generator,
    skip: int = 0,
) -> Iterator[npt.NDArray[np.float64]]:
    """Cluster halves of the samples by the same recipe; yield each cluster's agreement, half by half.

    Args:
        samples: Activations, `[samples, units]`.
        turn: The turn of each sample, `[samples]`.
        labels: Cluster of each unit, `[units]`; -1 in none.
        recipe: How samples are clustered.
        resamples: How many halves are drawn.
        rng: Where the randomness comes from.
        skip: How many of them, the first, are drawn and not clustered.

    Yields:
        Adjusted Rand index of each cluster, by ascending number, `[clusters]`.
    """
    for rows in islice(half_samples(turn, resamples, rng), skip, None):
        yield cluster_agreement(labels, recipe(SomeSamples(samples, rows)))


def stability(
    samples: npt.NDArray[np.floating] | SampleSource,
    turn: npt.NDArray[np.int32],
    labels: npt.NDArray[np.int32],
    recipe: Recipe,
    *,
    resamples: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Return each cluster's mean agreement with so many halves, `[clusters]`; the rest as `half_agreements`.

    Cluster-wise stability by subsampling is Hennig's (2007), with the adjusted Rand index of the cluster
    in the place of Jaccard's.
    """
    found = half_agreements(source_of(samples), turn, labels, recipe, resamples=resamples, rng=rng)
    return np.asarray(np.stack(list(found)).mean(axis=0))
