"""How strongly a cluster fires: the mean |z| of its units."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.evidence.grouping import Grouping, sums_by_cluster
from llmri_clustering.evidence.standard import standard_scores
from llmri_clustering.sources import SampleSource, source_of


def activity(z: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Average the magnitudes of z scores over the units of each cluster.

    A unit may answer by rising or by falling, so magnitudes count.

    Args:
        z: Standardised samples, `[samples, units]`.
        labels: Cluster of each unit, `[units]`; -1 in none.

    Returns:
        `[samples, clusters]`, clusters by ascending number.
    """
    grouping = Grouping.of(labels)
    return grouping.sums(np.abs(z), axis=1) / grouping.sizes


def activity_of_samples(
    samples: npt.NDArray[np.floating] | SampleSource, labels: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return `activity` of samples `[samples, units]` standardised over themselves, read by units."""
    source = source_of(samples)
    magnitudes = ((here, np.abs(z)) for here, z in standard_scores(source))
    sums = sums_by_cluster(magnitudes, labels, source.shape[0])
    return np.ascontiguousarray((sums / Grouping.of(labels).sizes[:, None]).T)


def turn_means(
    activity: npt.NDArray[np.float64], turn: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Average activity `[samples, clusters]` over the samples of each turn.

    Returns:
        The turns' numbers, ascending, `[turns]`, and the means, `[turns, clusters]`.
    """
    by_turn = Grouping.of(turn)
    return by_turn.numbers, by_turn.sums(activity, axis=0) / by_turn.sizes[:, None]
