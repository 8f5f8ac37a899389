"""Random units to compare the chosen ones with."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.selectivity import Mask

TOLERANCE = 0.01  # of the sum of squares: half a percent of the norm
ATTEMPTS = 1000

Floats = npt.NDArray[np.float64]
_Draw = Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp]], npt.NDArray[np.intp]]


def equal_number(chosen: Mask, pool: Mask, rng: np.random.Generator, *, by_layer: bool = False) -> Mask:
    """Mark as many units of the pool as are chosen, each as likely as any other.

    The chosen units may be among them, as in any permutation test.

    Args:
        chosen: The chosen units, `[layers, width]`.
        pool: The units to draw from, `[layers, width]`.
        rng: Draws.
        by_layer: Whether each layer keeps its own number.

    Raises:
        ExperimentError: The pool has fewer.
    """

    def draw(wanted: npt.NDArray[np.intp], there: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        if len(there) < len(wanted):
            raise ExperimentError(
                f"{len(wanted)} units are chosen, and {len(there)} may be drawn that are not protected: set "
                "controls.random = 0"
            )
        return rng.choice(there, len(wanted), replace=False)

    return _drawn(chosen, pool, draw, by_layer)


def equal_norm(
    chosen: Mask, pool: Mask, squares: Floats, rng: np.random.Generator, *, by_layer: bool = False
) -> Mask:
    """Mark random units whose total activation norm is that of the chosen ones, however many that takes.

    A set's norm is the root of the sum of its units' mean squares. Units are taken in a random order; one
    that would bring the sum of squares more than 1 % above the chosen set's is passed over; the draw is
    done once the sum is within 1 %. An order that never gets there is drawn again.

    Args:
        chosen: The chosen units, `[layers, width]`.
        pool: The units to draw from, `[layers, width]`.
        squares: Mean square of every unit, `[layers, width]`.
        rng: Draws.
        by_layer: Whether each layer keeps its own norm.

    Raises:
        ExperimentError: No order gets there.
    """
    flat = squares.ravel()

    def draw(wanted: npt.NDArray[np.intp], there: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        target = float(flat[wanted].sum())
        for _ in range(ATTEMPTS):
            order = rng.permutation(there)
            taken = _reaching(target, flat[order])
            if taken is not None:
                return order[taken]
        raise ExperimentError(
            f"in {ATTEMPTS} orders no random units came within {TOLERANCE:.0%} of the chosen ones' sum of "
            f"squares, {target:.3g}: set controls.matched = 0, or choose other units"
        )

    return _drawn(chosen, pool, draw, by_layer)


def norm(units: Mask, squares: Floats) -> float:
    """Return the total activation norm of a set: the root of the sum of its units' mean squares."""
    return float(np.sqrt(squares[units].sum()))


def _reaching(target: float, squares: Floats) -> npt.NDArray[np.intp] | None:
    """Return which of these squares to take, in order, to come within the tolerance of the target."""
    low, high = target * (1 - TOLERANCE), target * (1 + TOLERANCE)
    taken = np.zeros(len(squares), dtype=np.bool_)
    first, total = 0, 0.0
    while first < len(squares) and (total < low or first == 0):
        sums = total + np.cumsum(squares[first:])
        enough = int(np.searchsorted(sums, low)) + 1
        fitting = int(np.searchsorted(sums, high, side="right"))
        count = min(enough, fitting)
        taken[first : first + count] = True
        total = float(sums[count - 1]) if count else total
        first += count + 1  # the next one is too large, or not needed any more
    return np.flatnonzero(taken) if low <= total <= high else None


def _drawn(chosen: Mask, pool: Mask, draw: _Draw, by_layer: bool) -> Mask:
    """Draw at once, or layer by layer."""
    drawn = np.zeros(chosen.shape, dtype=np.bool_)
    width = chosen.shape[1]
    rows = range(len(chosen)) if by_layer else (slice(None),)
    for row in rows:
        offset = row * width if isinstance(row, int) else 0
        wanted, there = (offset + np.flatnonzero(mask[row]) for mask in (chosen, pool))
        if len(wanted):
            drawn.ravel()[draw(wanted, there)] = True
    return drawn
