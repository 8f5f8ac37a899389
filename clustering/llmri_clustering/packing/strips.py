"""Which of many circles does another one overlap?"""

from bisect import bisect_left
from collections.abc import Sequence
from math import log

Stood = tuple[complex, float, int]  # centre, radius and number of a circle
Strip = tuple[list[float], list[Stood], float, float]  # each x, the circles, the largest radius, the side

RANGE = 32  # radii within this factor share a class


class Strips:
    """Circles sorted by x, above and below the x axis apart, and one class for each range of radii.

    A circle overlaps only what stands in a vertical strip around it, as wide as the two radii together. One
    class for all would make every strip as wide as the largest circle. A circle of the front stands in few
    strips, so that a query costs little more than the two bisections.

    Args:
        radii: Radius of every circle that may be added, all positive.
        tolerance: How deep two circles may overlap and still count as touching.
    """

    def __init__(self, radii: Sequence[float], tolerance: float) -> None:
        self._radii = radii
        self._tolerance = tolerance
        self._stood: dict[int, Stood] = {}
        largest = max(radii)
        classes = [0] * len(radii)
        widest = {0: largest}
        if min(radii) < largest / RANGE:
            classes = [int(log(largest / radius, RANGE)) for radius in radii]
            widest = {one: largest / RANGE**one for one in set(classes)}
        strips: dict[int, tuple[Strip, Strip]] = {
            one: (([], [], radius, 1.0), ([], [], radius, -1.0)) for one, radius in widest.items()
        }
        self._sides = [strips[one] for one in classes]
        self._strips = [strip for sides in strips.values() for strip in sides]

    def add(self, circle: int, centre: complex) -> None:
        """Add a circle."""
        xs, circles, _, _ = self._sides[circle][centre.imag < 0]
        x = centre.real
        place = bisect_left(xs, x)
        xs.insert(place, x)
        stood = self._stood[circle] = centre, self._radii[circle], circle
        circles.insert(place, stood)

    def remove(self, circle: int) -> None:
        """Take a circle away again."""
        stood = self._stood.pop(circle)
        centre = stood[0]
        xs, circles, _, _ = self._sides[circle][centre.imag < 0]
        place = circles.index(stood, bisect_left(xs, centre.real))
        del xs[place], circles[place]

    def overlapped(self, centre: complex, radius: float, first: int, second: int) -> list[int]:
        """Return the circles that this one overlaps, but for the two that it touches by construction."""
        x, y, least = centre.real, centre.imag, radius - self._tolerance
        found: list[int] = []
        for xs, circles, widest, side in self._strips:
            reach = radius + widest
            if side * y > -reach:
                start = bisect_left(xs, x - reach)
                for at, other_radius, other in circles[start : bisect_left(xs, x + reach, start)]:
                    if abs(at - centre) < other_radius + least and other not in (first, second):
                        found.append(other)
        return found
