"""Reducing a matrix to one number a block, by numpy, whole rows at a time."""

import numpy as np

from llmri_weights.arrays import Doubles, Values


def folded(add: np.ufunc, values: Values, down: int, across: int) -> Doubles:
    """Return the sum or the maximum of blocks of `down` rows and `across` columns, in float64.

    The last blocks may be smaller: what they lack counts as 0, so that a maximum is one of magnitudes.
    """
    rows, columns = (-(-length // side) for length, side in zip(values.shape, (down, across), strict=True))
    if not values.size:
        return np.zeros((rows, columns))
    missing = rows * down - values.shape[0], columns * across - values.shape[1]
    whole = np.pad(values, ((0, missing[0]), (0, missing[1]))) if any(missing) else values
    lines = add.reduce(whole.reshape(rows, down, columns * across), axis=1, dtype=np.float64)
    found: Doubles = add.reduce(lines.reshape(rows, columns, across), axis=2)
    return found
