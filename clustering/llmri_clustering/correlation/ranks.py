"""Spearman's rank correlation."""

import numpy as np
import numpy.typing as npt
import scipy  # type: ignore[import-untyped]  # it brings no types

COLUMNS = 256  # at a time, so that no float64 matrix of all pairs is made


def spearman(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return the Pearson correlation of average ranks (Spearman 1904; Kendall 1945 for ties).

    Args:
        samples: Values, `[samples, units]`.

    Returns:
        The correlation, `[units, units]`; a constant unit has 0 with all others.
    """
    # Named in full, scipy.stats is imported when first used: it takes most of a second.
    ranks = scipy.stats.rankdata(samples, axis=0)
    ranks -= (len(samples) + 1) / 2  # the mean rank, whatever the ties
    length = np.sqrt(np.einsum("ij,ij->j", ranks, ranks))
    ranks /= np.where(length > 0, length, 1)
    units = ranks.shape[1]
    correlation = np.empty((units, units), dtype=np.float32)
    for first in range(0, units, COLUMNS):
        some = slice(first, first + COLUMNS)
        tile = np.clip(ranks[:, some].T @ ranks[:, first:], -1, 1)
        correlation[some, first:] = tile
        correlation[first:, some] = tile.T
    np.fill_diagonal(correlation, 1)
    return correlation
