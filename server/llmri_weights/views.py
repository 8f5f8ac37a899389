"""Matrices made of others: some rows, another order, transposed, shifted, or the product of two thin ones."""

from dataclasses import dataclass

import numpy as np

from llmri_weights.arrangement import Index
from llmri_weights.arrays import Values
from llmri_weights.matrices import Matrix


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a matrix, in any order.

    Attributes:
        of: The matrix.
        index: Which row of it each is, `[rows]`.
    """

    of: Matrix
    index: Index

    @property
    def rows(self) -> int:
        """Return how many there are."""
        return len(self.index)

    @property
    def columns(self) -> int:
        """Return how many the matrix has."""
        return self.of.columns

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part, as `Matrix.window` does."""
        wanted = self.index[top:bottom]
        if not wanted.size:
            return self.of.window(0, 0, left, right)
        first = int(wanted.min())
        return self.of.window(first, int(wanted.max()) + 1, left, right)[wanted - first]


@dataclass(frozen=True, eq=False)
class Transposed:
    """A matrix with rows for columns.

    Attributes:
        of: The matrix.
    """

    of: Matrix

    @property
    def rows(self) -> int:
        """Return how many columns the matrix has."""
        return self.of.columns

    @property
    def columns(self) -> int:
        """Return how many rows the matrix has."""
        return self.of.rows

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part, as `Matrix.window` does."""
        return self.of.window(left, right, top, bottom).T


@dataclass(frozen=True, eq=False)
class Shifted:
    """A matrix with a number added to each element.

    Attributes:
        of: The matrix.
        by: The number.
    """

    of: Matrix
    by: float

    @property
    def rows(self) -> int:
        """Return how many the matrix has."""
        return self.of.rows

    @property
    def columns(self) -> int:
        """Return how many the matrix has."""
        return self.of.columns

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part, as `Matrix.window` does."""
        found = self.of.window(top, bottom, left, right)
        shifted: Values = found + found.dtype.type(self.by)
        return shifted


@dataclass(frozen=True, eq=False)
class LowRank:
    """A matrix and the scaled product of two thin ones: `base + scale * outer @ inner` (Hu et al. 2021).

    Attributes:
        base: `[rows, columns]`.
        outer: `[rows, rank]`.
        inner: `[rank, columns]`.
        scale: What the product is multiplied by.
    """

    base: Matrix
    outer: Values
    inner: Values
    scale: float

    @property
    def rows(self) -> int:
        """Return how many the base has."""
        return self.base.rows

    @property
    def columns(self) -> int:
        """Return how many the base has."""
        return self.base.columns

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part, as `Matrix.window` does, in float64."""
        product = self.outer[top:bottom].astype(np.float64) @ self.inner[:, left:right]
        found: Values = self.base.window(top, bottom, left, right) + self.scale * product
        return found
