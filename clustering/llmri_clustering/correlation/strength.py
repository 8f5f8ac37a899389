"""How much a unit fires together with the others."""

import numpy as np
import numpy.typing as npt

ROWS = 256  # at a time, so that no second matrix is made


def co_activation_strength(
    correlation: npt.NDArray[np.floating], threshold: float, *, magnitude: bool = False
) -> npt.NDArray[np.float64]:
    """Return each unit's co-activation strength: its row strength in the thresholded correlation graph.

    Two units are joined where their correlation reaches the threshold, with the correlation as the weight.
    The strength of a node is the sum of its weights (Barrat, Barthelemy, Pastor-Satorras and Vespignani 2004,
    equation 2). It says which units fire together with many others. It does not say what a unit does to the
    model: causal influence is another thing, and is measured by intervening.

    Args:
        correlation: Correlation, `[units, units]`. The diagonal is left out.
        threshold: Least correlation that counts, from 0 to 1.
        magnitude: Whether to take |r| for r, so that units which exclude each other are joined too.

    Returns:
        The strength, `[units]`, from 0 to units - 1.

    Raises:
        ValueError: The correlation is not square or not finite, or the threshold is out of range.
    """
    if correlation.shape != (len(correlation), len(correlation)):
        raise ValueError(f"the correlation is {list(correlation.shape)}, expected [units, units]")
    if not 0 <= threshold <= 1:
        raise ValueError(f"the threshold is {threshold}, expected 0 to 1")
    strength = np.empty(len(correlation))
    for first in range(0, len(correlation), ROWS):
        rows = correlation[first : first + ROWS].astype(np.float64)
        np.fill_diagonal(rows[:, first:], 0)
        if magnitude:
            np.abs(rows, out=rows)
        if np.isnan(rows).any():
            raise ValueError("the correlation holds NaN, expected 0 for a constant unit")
        strength[first : first + ROWS] = np.sum(rows, axis=1, where=rows >= threshold)
    return strength
