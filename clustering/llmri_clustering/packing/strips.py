"""Circles sorted, so that those near another one are found without looking at all."""

from bisect import bisect_left
from collections.abc import Sequence
from math import frexp

Stood = tuple[complex, float, int]  # centre, radius and number of a circle
Strip = tuple[list[float], list[Stood], float, float]  # each x, the circles, the largest radius, the side

OCTAVES = 5  # radii within a factor of 32 share a class


class Strips:
    """Circles sorted by x, above and below the x axis apart, and one class for each range of radii.

    A circle overlaps only what stands in a vertical strip around it, as wide as the two radii together. One
    class for all would make every strip as wide as the largest circle. A circle of the front stands in few
    strips, so that a query costs little more than the two bisections.

    Args:
        radii: Radius of every circle that may be added.

    Attributes:
        strips: What to search: every class, above (side 1) and below (side -1).
    """

    def __init__(self, radii: Sequence[float]) -> None:
        largest = frexp(max(radii))[1]
        classes = [(largest - frexp(radius)[1]) // OCTAVES for radius in radii]
        widest: dict[int, float] = {}
        for radius, one in zip(radii, classes, strict=True):
            if radius > widest.get(one, 0.0):
                widest[one] = radius
        strips: dict[int, tuple[Strip, Strip]] = {
            one: (([], [], radius, 1.0), ([], [], radius, -1.0)) for one, radius in widest.items()
        }
        self._sides = [strips[one] for one in classes]
        self.strips = [strip for sides in strips.values() for strip in sides]
        self._stood: list[Stood] = [(0j, radius, circle) for circle, radius in enumerate(radii)]

    def add(self, circle: int, centre: complex) -> None:
        """Add a circle."""
        xs, circles, _, _ = self._sides[circle][centre.imag < 0]
        x = centre.real
        place = bisect_left(xs, x)
        xs.insert(place, x)
        stood = self._stood[circle] = centre, self._stood[circle][1], circle
        circles.insert(place, stood)

    def remove(self, circle: int) -> None:
        """Take a circle away again."""
        stood = self._stood[circle]
        centre = stood[0]
        xs, circles, _, _ = self._sides[circle][centre.imag < 0]
        place = circles.index(stood, bisect_left(xs, centre.real))
        del xs[place], circles[place]
