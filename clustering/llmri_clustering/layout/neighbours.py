"""The units that each unit correlates with most, exactly, by one blocked matrix product."""

import numpy as np
import numpy.typing as npt

ROWS = 1024  # units whose correlations are held at once, against all others
GROUPS = 64  # columns that are compared as one at first


def standardised(samples: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Give each unit with mean 0 and length 1 over the samples, `[units, samples]`; 0 where it is constant.

    Args:
        samples: Activations, `[samples, units]`.

    Raises:
        ValueError: They have another number of axes, or are not all finite.
    """
    values = np.asarray(samples, dtype=np.float32)
    if values.ndim != 2:  # noqa: PLR2004  # samples and units
        raise ValueError(f"samples have {values.ndim} axes, expected 2: [samples, units]")
    if wrong := int(values.size - np.isfinite(values).sum()):
        raise ValueError(f"{wrong} of {values.size} sampled values are not finite, expected 0")
    units = np.array(values.T, dtype=np.float32, order="C")
    if not units.size:
        return units
    constant = units.min(axis=1) == units.max(axis=1)
    units -= units.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    units /= np.where(constant, 1, np.abs(units).max(axis=1))[:, None]  # squares stay inside float32
    units /= np.where(constant, 1, np.sqrt(np.einsum("us,us->u", units, units)))[:, None]
    units[constant] = 0
    return units


def nearest_by_correlation(
    samples: npt.ArrayLike, k: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Give the `k` other units that each unit correlates with most, highest first, and the correlations.

    Both are `[units, k]`. Equal correlations come by ascending unit; a constant unit has correlation 0 with
    all. At most `[1024, units]` correlations are held at once.

    Args:
        samples: Activations, `[samples, units]`.
        k: How many; fewer than there are units.

    Raises:
        ValueError: `samples` are not a finite matrix, or `k` is out of range.
    """
    return nearest(standardised(samples), k)


def nearest(units: npt.NDArray[np.float32], k: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Do the same from standardised units, `[units, samples]`."""
    if not 0 < k < len(units):
        raise ValueError(f"{k} neighbours asked of {len(units)} units, expected 1 to {len(units) - 1}")
    indices = np.empty((len(units), k), dtype=np.intp)
    correlation = np.empty((len(units), k), dtype=np.float32)
    held = np.empty(
        (min(ROWS, len(units)), len(units)), dtype=np.float32
    )  # new memory a block would take a fifth longer
    for first in range(0, len(units), ROWS):
        here = slice(first, first + ROWS)
        block = np.matmul(units[here], units.T, out=held[: len(units) - first])
        own = np.arange(len(block))
        block[own, first + own] = -np.inf
        indices[here], correlation[here] = _highest(block, k)
    return indices, correlation


def _highest(rows: npt.NDArray[np.float32], k: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Give the columns and values of the `k` highest of each row, highest first.

    The k-th highest maximum over groups of columns is a lower bound for the k-th highest value, and a close
    one, so few candidates are left to sort.
    """
    candidates = np.flatnonzero(rows >= _lower_bound(rows, k)[:, None])
    row, column = np.divmod(candidates, rows.shape[1])
    value = rows.ravel()[candidates]
    order = np.lexsort((column, -value, row))
    begin = np.searchsorted(row, np.arange(len(rows)))
    chosen = order[begin[:, None] + np.arange(k)]
    return column[chosen], value[chosen]


def _lower_bound(rows: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.float32]:
    """Give a value for each row that at least `k` of its columns reach, `[rows]`."""
    groups = max(GROUPS, 2 * k)
    width = rows.shape[1] // groups
    if width < 2:  # noqa: PLR2004  # a group of one column saves nothing
        return np.partition(rows, -k, axis=1)[:, -k]
    highest = rows[:, : groups * width].reshape(len(rows), width, groups).max(axis=1)
    bound: npt.NDArray[np.float32] = np.partition(highest, -k, axis=1)[:, -k]
    return bound
