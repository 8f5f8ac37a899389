"""One layout brought over another, and how far they then differ."""

import numpy as np
import numpy.typing as npt
from scipy.linalg import orthogonal_procrustes  # type: ignore[import-untyped]  # it brings no types
from scipy.spatial import procrustes  # type: ignore[import-untyped]  # it brings no types


def align(positions: npt.NDArray[np.float32], onto: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn, mirror, shift and resize a layout so that it covers another as well as it can, `[units, 2]`.

    The turn is the orthogonal Procrustes solution (Schoenemann 1966). The size becomes that of `onto`, not
    the least-squares one, which would shrink the picture a little with every refit.

    Raises:
        ValueError: The shapes differ, or are not `[units, 2]`.
    """
    _check(positions, onto)
    if not len(positions):
        return positions.copy()
    here, there = positions.astype(np.float64), onto.astype(np.float64)
    middle = there.mean(axis=0)
    here -= here.mean(axis=0)
    there -= middle
    size, wanted = np.linalg.norm(here), np.linalg.norm(there)
    turn, _ = orthogonal_procrustes(here, there)
    scale = wanted / size if size and wanted else 1.0
    aligned: npt.NDArray[np.float32] = (scale * here @ turn + middle).astype(np.float32)
    return aligned


def drift(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
    """Return the Procrustes disparity of two layouts: 0 for the same picture, at most 1 (Gower 1975).

    It is the share of the squared extent that no turn, mirroring, shift or size explains.

    Raises:
        ValueError: The shapes differ, or are not `[units, 2]`, or all units of one stand in one place.
    """
    _check(before, after)
    _, _, disparity = procrustes(before.astype(np.float64), after.astype(np.float64))
    return float(disparity)


def _check(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> None:
    if one.ndim != 2 or one.shape[1] != 2 or one.shape != other.shape:  # noqa: PLR2004  # x and y
        raise ValueError(f"layouts of shapes {one.shape} and {other.shape}, expected [units, 2] twice")
