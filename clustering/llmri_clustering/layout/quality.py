"""How well a layout keeps the units' neighbours."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.layout.neighbours import nearest_by_correlation
from llmri_clustering.layout.standardising import standardised


def trustworthiness(samples: npt.ArrayLike, positions: npt.ArrayLike, k: int = 15) -> float:
    """Scikit-learn's trustworthiness: 1 where no stranger is among any unit's `k` nearest in the plane.

    A stranger costs by its rank in correlation distance (Venna, Kaski 2001). Ranks are taken by Euclidean
    distance of the standardised units, whose square is 2 (1 - r).

    Raises:
        ValueError: `k` is not below half the number of units, or the arguments do not fit.
    """
    from sklearn import manifold  # type: ignore[import-untyped]  # noqa: PLC0415  # slow to import

    return float(manifold.trustworthiness(standardised(samples), np.asarray(positions), n_neighbors=k))


def neighbour_overlap(samples: npt.ArrayLike, positions: npt.ArrayLike, k: int = 15) -> float:
    """Return the share of a unit's `k` nearest by correlation among its `k` nearest in the plane, on average.

    Raises:
        ValueError: There are as many neighbours as units, or the arguments do not fit.
    """
    by_correlation, _ = nearest_by_correlation(samples, k)
    points = np.asarray(positions, dtype=np.float64)
    if points.shape != (len(by_correlation), 2):
        raise ValueError(f"positions have shape {points.shape}, expected ({len(by_correlation)}, 2)")
    in_plane = _nearest_in_plane(points, k)
    return float((by_correlation[:, :, None] == in_plane[:, None, :]).any(axis=2).mean())


def _nearest_in_plane(points: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.intp]:
    """Return the `k` nearest others of each point, `[points, k]`, also where points coincide."""
    _, found = cKDTree(points).query(points, k=k + 1)
    own = found == np.arange(len(points))[:, None]
    own[~own.any(axis=1), -1] = True  # hidden behind others in the same place: drop the farthest instead
    kept: npt.NDArray[np.intp] = found[~own].reshape(len(points), k)
    return kept
