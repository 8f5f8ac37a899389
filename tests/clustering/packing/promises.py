"""What every packing keeps, as figures that are at most `TOLERANCE` where it does."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import Packing

TOLERANCE = 1e-6  # of a radius

Floats = npt.NDArray[np.float64]


def deepest_overlap(circles: Floats, padding: float = 0.0) -> float:
    """Return how deep two circles overlap at most, in radii of the smaller (of the other, for a point)."""
    if len(circles) < 2:
        return 0.0
    x, y, radius = circles.T
    first, second = np.triu_indices(len(circles), 1)
    distance = np.hypot(x[first] - x[second], y[first] - y[second])
    depth = radius[first] + radius[second] + padding - distance
    return float((depth / _scale(radius[first], radius[second])).max())


def farthest_outside(circles: Floats, around: Floats, padding: float = 0.0) -> float:
    """Return how far a circle reaches out of the one around it at most, in its own radius."""
    if not len(circles):
        return 0.0
    x, y, radius = circles.T
    out = np.hypot(x - around[0], y - around[1]) + radius + padding - around[2]
    return float((out / _scale(radius, np.full(len(radius), around[2]))).max())


def worst(nesting: Nesting, packing: Packing, padding: float = 0.0) -> float:
    """Return the worst broken promise of a packing, in radii."""
    found = 0.0
    for group, around in enumerate(packing.groups):
        inner = packing.groups[nesting.parent == group]
        children = np.concatenate((inner, packing.units[nesting.group == group]))
        found = max(found, deepest_overlap(children, padding), farthest_outside(children, around, padding))
    return found


def _scale(one: Floats, other: Floats) -> Floats:
    least = np.minimum(one, other)
    scale = np.where(least > 0, least, np.maximum(one, other))
    return np.where(scale > 0, scale, 1.0)
