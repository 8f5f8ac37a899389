"""How far to open a dendrogram: down to where the next merge is much nearer."""

from collections.abc import Sequence

import numpy as np

CLEAR = 5.0  # times the median gap; of 24 equally likely gaps about the largest reaches that
SHARE = 0.2  # of the largest gap that an earlier one must have, where the median is next to nothing


def openings(distances: Sequence[float], *, reluctant: bool = False) -> int:
    """Return how many merges to open, from their distances and the next one's, which stays closed.

    A gap is the share of its distance that a merge loses to the next. Where several levels are nested, the
    largest gap can lie below the first level, so the first gap that is clearly no chance is taken: `CLEAR`
    times the median gap, and at least `SHARE` of the largest. Where none is, the largest is taken.

    Args:
        distances: Falling, at least two: of the merges that may be opened, then of the next.
        reluctant: Open nothing, 0, where no gap is clearly no chance.
    """
    heights = np.asarray(distances)
    falls = np.maximum(heights[:-1] - heights[1:], 0)
    gaps = np.divide(falls, heights[:-1], out=np.zeros_like(falls), where=heights[:-1] > 0)
    clear = gaps >= max(CLEAR * float(np.median(gaps)), SHARE * float(gaps.max()))
    if clear.any():
        return 1 + int(np.argmax(clear))
    return 0 if reluctant else 1 + int(np.argmax(gaps))
