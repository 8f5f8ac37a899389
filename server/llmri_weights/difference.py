"""How far two tensors are apart, element by element and all together."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from llmri_weights.arrays import Doubles, Values
from llmri_weights.errors import WeightsError
from llmri_weights.matrices import BAND, Matrix
from llmri_weights.statistics import Sums

LEAST_RMS = 1e-6
HALF = 0.5  # of a tensor's rms is the strongest colour
DECADES, FAINTEST = 5.0, -6.0  # of the logarithmic metric: from 1e-6 to 1e-1


class Metric(StrEnum):
    """How the difference of two elements is shown, from -1 to 1."""

    RMS = "rms"
    ABS_LOG = "abs-log"
    EXACT = "exact"


def shown(delta: Doubles, metric: Metric, rms: float) -> Doubles:
    """Return differences as a metric shows them, from -1 to 1.

    Args:
        delta: What grew is positive.
        metric: In units of half the tensor's rms, by the logarithm of the magnitude, or the sign alone.
        rms: Of the first tensor.
    """
    if metric is Metric.EXACT:
        signs: Doubles = np.sign(delta)
        return signs
    if metric is Metric.RMS:
        return np.clip(delta / (HALF * max(rms, LEAST_RMS)), -1, 1)
    with np.errstate(divide="ignore"):
        decades = (np.log10(np.abs(delta)) - FAINTEST) / DECADES
    return np.sign(delta) * np.clip(decades, 0, 1)


@dataclass(frozen=True)
class Difference:
    """How far two tensors are apart; what is not finite is counted, and left out of the rest.

    Attributes:
        relative: The rms of the difference over the rms of the first: 0 where nothing differs, else None
            where that is zero or unknown.
        rms: Of the difference.
        absmax: Its largest magnitude.
        changed: The share of elements that differ at all.
        shown: The mean magnitude of what the metric shows, 0 to 1.
        nonfinite: How many elements have no finite difference.
    """

    relative: float | None
    rms: float | None
    absmax: float | None
    changed: float
    shown: float
    nonfinite: int


def difference(first: Matrix, second: Matrix, metric: Metric) -> Difference:
    """Return how far the second of two tensors is from the first.

    Raises:
        WeightsError: They are of different shapes, or can't be read.
    """
    if (first.rows, first.columns) != (second.rows, second.columns):
        raise WeightsError(
            f"shapes {first.rows}x{first.columns} and {second.rows}x{second.columns} can't be compared"
        )
    original, total = Sums(), Sums()
    changed, strength = 0, 0.0
    if metric is Metric.RMS:  # which needs the first tensor's rms before anything is shown
        for before, _ in _together(first, None):
            original.add(before)
    for before, after in _together(first, second):
        delta = _delta(before, after)
        if metric is not Metric.RMS:
            original.add(before)
        total.add(delta)
        finite = delta[np.isfinite(delta)]
        changed += int(np.count_nonzero(finite)) + delta.size - finite.size
        strength += float(np.abs(shown(finite, metric, original.statistics().rms or 0.0)).sum())
    found, rms = total.statistics(), original.statistics().rms
    finite_count = total.count - total.nonfinite
    return Difference(
        _relative(found.rms, rms),
        found.rms,
        found.absmax,
        changed / total.count if total.count else 0.0,
        strength / finite_count if finite_count else 0.0,
        total.nonfinite,
    )


def _delta(before: Values, after: Values) -> Doubles:
    with np.errstate(invalid="ignore"):
        delta: Doubles = after.astype(np.float64) - before
    return delta


def _relative(rms: float | None, original: float | None) -> float | None:
    if rms == 0:
        return 0.0
    if rms is None or not original or not math.isfinite(rms):
        return None
    return rms / original


def _together(first: Matrix, second: Matrix | None) -> Iterator[tuple[Values, Values]]:
    step = max(1, BAND // max(1, first.columns))
    for top in range(0, first.rows if first.columns else 0, step):
        bottom = min(first.rows, top + step)
        before = first.window(top, bottom, 0, first.columns)
        yield before, before if second is None else second.window(top, bottom, 0, first.columns)
