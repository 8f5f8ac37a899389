"""The few units that each unit correlates with most."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ROWS = 256  # at a time, so that no second matrix is made


@dataclass(frozen=True, eq=False)
class Partners:
    """For each unit the others it correlates with most, strongest first.

    Attributes:
        unit: Their indices, `[units, partners]`; -1 where there is none.
        r: The correlation with each, `[units, partners]`; 0 where there is none.
    """

    unit: npt.NDArray[np.int32]
    r: npt.NDArray[np.float32]


def strongest_partners(correlation: npt.NDArray[np.floating], number: int) -> Partners:
    """Return each unit's strongest partners by |r|.

    Args:
        correlation: Correlation, `[units, units]`; 0 for a unit that does not take part.
        number: How many of each unit, at most units - 1.

    Raises:
        ValueError: The correlation is not square, or there are not so many.
    """
    units = len(correlation)
    if correlation.shape != (units, units):
        raise ValueError(f"the correlation is {list(correlation.shape)}, expected [units, units]")
    if not 1 <= number < units:
        raise ValueError(f"{number} partners are asked for, expected 1 to {units - 1} for {units} units")
    found = np.empty((units, number), np.int32)
    strength = np.empty((units, number), np.float32)
    for first in range(0, units, ROWS):
        rows = correlation[first : first + ROWS]
        weights = np.abs(rows)
        np.fill_diagonal(weights[:, first:], -1)
        top = np.argpartition(weights, -number, axis=1)[:, -number:]
        order = np.argsort(-np.take_along_axis(weights, top, axis=1), axis=1, kind="stable")
        top = np.take_along_axis(top, order, axis=1)
        found[first : first + ROWS] = top
        strength[first : first + ROWS] = np.take_along_axis(rows, top, axis=1)
    found[strength == 0] = -1
    return Partners(found, strength)


def strongest_pairs(
    partners: Partners, number: int, among: npt.NDArray[np.bool_] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return the strongest pairs that are known, strongest first.

    Args:
        partners: The strongest partners of each unit.
        number: How many pairs at most.
        among: Units of which at least one is in each pair, `[units]`; None takes all.

    Returns:
        The pairs, `[pairs, 2]`, each once and its lower index first, and the correlation of each, `[pairs]`.
    """
    units, most = partners.unit.shape
    one, other = np.repeat(np.arange(units, dtype=np.int32), most), partners.unit.ravel()
    known = other >= 0
    if among is not None:
        known &= among[one] | among[other]
    pairs = np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1)[known]
    r = partners.r.ravel()[known]
    _, first = np.unique(pairs[:, 0].astype(np.int64) * units + pairs[:, 1], return_index=True)
    first = first[np.argsort(-np.abs(r[first]), kind="stable")][:number]
    return pairs[first], r[first]
