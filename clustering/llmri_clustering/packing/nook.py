"""A place for a circle where the front chain's own choice would overlap.

The front chain moves to the overlapped circle that is nearer along the ring, and buries what lies between.
With one circle much larger than the rest, that can be the wrong way around: the circle then lies on what it
buries, as it does in d3-hierarchy 3. It is rare (a few in a thousand random packings with radii a million
apart), so this search may be slow. Points of the plane are complex numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_clustering.packing.tangent import tangent_centre


def find_nook(
    ring: Sequence[int], centres: Sequence[complex], radii: Sequence[float], radius: float, tolerance: float
) -> tuple[int, int, complex]:
    """Return two circles of the ring, and the centre of a circle that touches both and overlaps none.

    What lies between the two then lies inside the ring that the circle makes with the others. The pairs of
    one circle are tried together, the nearest to the origin first.

    Args:
        ring: The circles of the front in its order.
        centres: Centre of every circle.
        radii: Radius of every circle.
        radius: Radius of the circle to place.
        tolerance: How deep circles may overlap.
    """
    ring_centres = np.array([centres[circle] for circle in ring])
    ring_radii = np.array([radii[circle] for circle in ring])
    roomiest = (-np.inf, ring[0], ring[1], 0j)
    for turn, first in enumerate(ring):
        others = np.roll(ring_centres, -turn)
        other_radii = np.roll(ring_radii, -turn)
        places = np.array(
            [
                tangent_centre(centres[first], other, radii[first], other_radius, radius)
                for other, other_radius in zip(others[1:].tolist(), other_radii[1:].tolist(), strict=True)
            ]
        )
        room = (np.abs(places[:, None] - others) - other_radii - radius).min(axis=1)
        room[_area(others, places) > 0] = -np.inf
        free = np.flatnonzero(room >= -tolerance)
        best = free[np.abs(places[free]).argmin()] if len(free) else room.argmax()
        if room[best] > roomiest[0]:
            second = ring[(turn + 1 + int(best)) % len(ring)]
            roomiest = (float(room[best]), first, second, complex(places[best]))
        if len(free):
            break
    return roomiest[1:]


def _area(others: npt.NDArray[np.complex128], places: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """Return twice the signed area from the first circle along the ring to each other one and its place.

    It is positive where the part of the ring in between would stay outside.
    """
    ways = others - others[0]
    along = np.cumsum((np.conj(ways[:-1]) * ways[1:]).imag)
    beside: npt.NDArray[np.float64] = (np.conj(ways[1:]) * (places - others[0])).imag
    return along + beside
