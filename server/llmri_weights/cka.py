"""How alike two experts are, whatever the order of their hidden units: linear CKA (Kornblith 2019).

Compared are the matrices `A'A` of what their hidden units read, `[inputs, inputs]`, which no reordering of
the units changes; of a `down` matrix, whose columns are the hidden units, `AA'` of what they write. Nothing
is centred.

The sketch looks at them along `k` random directions. With directions `r` of independent standard normal
numbers, `(r_i' G r_j)(r_j' H r_i)` has the expectation `tr(GH)` for any two different ones, so that the
mean over all pairs is unbiased, as the sum over a projected matrix is not; leaving out one direction at a
time gives its error (Efron 1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmri_weights.arrays import Doubles, Floats

LEAST_DIRECTIONS = 16
NORMAL_95 = 1.959963984540054  # standard errors on each side of a 95 % interval


@dataclass(frozen=True)
class Similarity:
    """How alike each two of several experts are, each `[experts, experts]`.

    Attributes:
        cka: 1 for the same hidden units in any order; of unrelated random ones `m / (n + m + 1)`, with `m`
            hidden units and `n` inputs.
        low: The lower end of a 95 % interval; the value itself where it is exact.
        high: The upper end.
    """

    cka: Doubles
    low: Doubles
    high: Doubles


def exact_cka(units: Sequence[Floats]) -> Similarity:
    """Return how alike experts are.

    Args:
        units: Of each expert a hidden unit a row, `[units, width]`.
    """
    products = np.empty((len(units), len(units)))
    for one, first in enumerate(units):
        for other, second in enumerate(units[: one + 1]):
            product = float(np.square(first @ second.T, dtype=np.float64).sum())
            products[one, other] = products[other, one] = product
    found = _cosines(products)
    return Similarity(found, found, found)


def sketched_cka(units: Sequence[Floats], directions: int, seed: int = 0) -> Similarity:
    """Return an estimate of how alike experts are, with its interval.

    Args:
        units: Of each expert a hidden unit a row, `[units, width]`.
        directions: How many random ones, at least `LEAST_DIRECTIONS`.
        seed: Of the random numbers.

    Raises:
        ValueError: There are too few directions.
    """
    if directions < LEAST_DIRECTIONS:
        raise ValueError(f"{directions} directions are too few, at least {LEAST_DIRECTIONS} are needed")
    random = np.random.default_rng(seed)
    along = random.standard_normal((units[0].shape[1], directions)).astype(np.float32)
    seen = np.stack([_pairs(unit @ along) for unit in units])  # [experts, directions, directions]
    flat = seen.reshape(len(units), -1)
    total = flat @ flat.T
    estimate = _cosines(total)
    without = np.stack([_cosines(total - 2 * seen[:, at] @ seen[:, at].T) for at in range(directions)])
    spread = np.square(without - without.mean(axis=0)).sum(axis=0) * (directions - 1) / directions
    margin = NORMAL_95 * np.sqrt(spread)
    return Similarity(estimate, estimate - margin, estimate + margin)


def _pairs(projected: Floats) -> Doubles:
    """Return the products of each two different directions, `[directions, directions]`."""
    wide = projected.astype(np.float64)
    products: Doubles = wide.T @ wide
    np.fill_diagonal(products, 0)
    return products


def _cosines(products: Doubles) -> Doubles:
    sizes = np.sqrt(np.diag(products))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Doubles = products / np.multiply.outer(sizes, sizes)
    return found
