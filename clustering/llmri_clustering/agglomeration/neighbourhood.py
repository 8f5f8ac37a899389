"""An order of units in which similar ones stand near each other, so that linking them stays in the cache.

The nearest-neighbour chain reads the distances of a unit down a column of the condensed matrix, and then
those of a similar unit. Where its column is the next, both lie in the same lines of the cache: at 16,384
units in blocks, linking takes half the time.
"""

import math

import numpy as np
import numpy.typing as npt


def neighbourhood_order(
    rows: npt.NDArray[np.float32] | npt.NDArray[np.float64], *, signed: bool
) -> npt.NDArray[np.intp]:
    """Return the units by the pivot that each is most similar to, `[units]`.

    Pivots are about the root of the number of units, evenly spaced, so that choosing costs next to nothing.

    Args:
        rows: Standardised units, `[units, samples]`.
        signed: Whether units with opposite signs are far from each other.
    """
    pivots = rows[:: max(1, math.isqrt(len(rows)))]
    similarity = rows @ pivots.T
    if not signed:
        np.abs(similarity, out=similarity)
    return np.argsort(similarity.argmax(axis=1), kind="stable")
