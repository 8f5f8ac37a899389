"""Correlation of two short series, by value and by rank."""

import numpy as np
import numpy.typing as npt

FEWEST = 3  # two points always lie on a line


def pearson(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float | None:
    """Return the product-moment correlation, or None for fewer than three points or a constant series."""
    if len(left) < FEWEST:
        return None
    left, right = left - left.mean(), right - right.mean()
    size = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(np.clip(left @ right / size, -1.0, 1.0)) if size > 0 else None


def spearman(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float | None:
    """Return the correlation of the ranks (Spearman 1904), or None as `pearson` does."""
    return pearson(ranks(left), ranks(right))


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    means: npt.NDArray[np.float64] = np.cumsum(sizes) - (sizes - 1) / 2
    return means[group]
