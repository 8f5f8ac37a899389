"""Equal circles on a hexagonal lattice, in the smallest circle that holds so many.

The lattice points nearest to a centre are taken. Which centre is best depends on their number: a lattice
point for 7, the middle of an edge for 2, of a triangle for 3. So many centres are tried for every number,
once, and the choice is kept.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from llmri_clustering.packing.siblings import place_siblings

STEPS = 4  # centres tried along each side of the lattice's fundamental triangle
FEW = 16  # below, the front chain is asked too: it is denser for 9, and for none from 10 to 1500
TABLED = 16384  # circles that the tables reach to
LEAST = 256  # circles that the first table reaches to

CORNERS = np.array([0, 1, 1 + 1j / np.sqrt(3)])  # a lattice point, the middles of an edge and of a triangle


@dataclass(frozen=True, eq=False)
class Lattice:
    """The densest arrangement known of 0, 1, ... equal circles of radius 1, around the origin.

    Attributes:
        centres: Centres, arrangement after arrangement, `complex128`.
        start: Where the arrangement of so many circles begins among them, `[numbers]`.
        radius: Radius of the circle around so many circles, `[numbers]`.
    """

    centres: npt.NDArray[np.complex128]
    start: npt.NDArray[np.int64]
    radius: npt.NDArray[np.float64]


def lattice_for(number: int) -> Lattice:
    """Return a table that reaches at least to so many circles; tables are kept, in sizes of powers of two."""
    return lattice_up_to(max(LEAST, 1 << (number - 1).bit_length()))


def arrangement(number: int) -> tuple[npt.NDArray[np.complex128], float]:
    """Return the centres of so many circles of radius 1, around the origin, and the radius around them.

    Above 16,384 those around a lattice point are taken: another centre would save a thousandth of the radius,
    and the table for all numbers takes half a second.
    """
    if number <= TABLED:
        lattice = lattice_for(number)
        return lattice.centres[lattice.start[number] :][:number], float(lattice.radius[number])
    points = _points(number)
    distance = np.abs(points).round(9)  # rounded, so that points at one distance keep their order everywhere
    reach = np.partition(distance, number - 1)[number - 1]
    within = points[distance <= reach]
    centres = within[np.argsort(np.abs(within).round(9), kind="stable")[:number]]
    return centres, float(reach) + 1


@cache
def lattice_up_to(most: int) -> Lattice:
    """Work out the table for 0 to `most` circles."""
    nearest = _nearest(most)
    reach = np.abs(nearest) + 1
    best = reach.argmin(axis=0)
    numbers = np.arange(most)
    radius = np.append(0.0, reach[best, numbers])
    start = np.append(0, best * most)
    centres = [nearest.ravel()]
    for number in range(1, FEW):
        chained, around = place_siblings([1.0] * number)
        if around < radius[number]:
            radius[number], start[number] = around, sum(map(len, centres))
            centres.append(np.array(chained))
    return Lattice(np.concatenate(centres), start, radius)


def _nearest(most: int) -> npt.NDArray[np.complex128]:
    """Return the lattice points nearest to each centre, nearest first and from there, `[centres, most]`."""
    weights = [(i, j, STEPS - i - j) for i in range(STEPS + 1) for j in range(STEPS + 1 - i)]
    middles = np.array(weights) @ CORNERS / STEPS
    offsets = _points(most) - middles[:, None]
    # Rounded, so that points at one distance keep their order on every machine.
    order = np.abs(offsets).round(9).argsort(axis=1, kind="stable")[:, :most]
    return np.take_along_axis(offsets, order, axis=1)


def _points(most: int) -> npt.NDArray[np.complex128]:
    """Return the lattice points near the origin, more than so many around every centre that is tried."""
    reach = np.sqrt(most * 2 * np.sqrt(3) / np.pi) + 3  # a circle of this radius holds that many and more
    rows = np.arange(-int(reach / np.sqrt(3)) - 2, int(reach / np.sqrt(3)) + 3)
    columns = np.arange(-int(reach / 2) - 2, int(reach / 2) + 3)
    points = (rows[:, None] * 1j * np.sqrt(3) + rows[:, None] % 2 + 2 * columns).ravel()
    near: npt.NDArray[np.complex128] = points[np.abs(points) <= reach + 1]
    return near
