"""Intervals, and how rare a result is among random draws."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Floats = npt.NDArray[np.float64]


def wilson(right: int, asked: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927).

    Raises:
        ValueError: Nothing was asked, or more is right than was asked.
    """
    if not 0 <= right <= asked or asked == 0:
        raise ValueError(f"{right} of {asked} are right, expected 0 to {asked} of at least 1")
    share, room = right / asked, _Z**2 / asked
    middle = share + room / 2
    reach = _Z * math.sqrt(share * (1 - share) / asked + room / (4 * asked))
    # At the ends the formula is exact up to rounding; the share itself is never left out.
    low, high = (middle - reach) / (1 + room), (middle + reach) / (1 + room)
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def bootstrap_mean(values: Sequence[float], seed: int, resamples: int) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a mean (Efron 1979).

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("there are no values to resample, expected at least 1")
    data = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(data), (resamples, len(data)))
    return _middle(data[picks].mean(axis=1))


def draws_interval(figures: Sequence[float]) -> tuple[float, float]:
    """Return the interval that holds the middle 95 % of the figures of random draws."""
    return _middle(np.asarray(figures, dtype=np.float64))


def permutation_p(chosen: float, draws: Sequence[float], *, harm_is_low: bool) -> float:
    """Return the share of sets that harm at least as much as the chosen one, itself counted among them.

    With D draws it is at least 1 / (1 + D) (Phipson and Smyth 2010).

    Args:
        chosen: The figure of the chosen set.
        draws: Those of random sets.
        harm_is_low: Whether a lower figure is the worse one, as of a score.
    """
    figures = np.asarray(draws, dtype=np.float64)
    as_bad = figures <= chosen if harm_is_low else figures >= chosen
    return float((1 + as_bad.sum()) / (1 + len(figures)))


def _middle(figures: Floats) -> tuple[float, float]:
    low, high = np.quantile(figures, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return float(low), float(high)
