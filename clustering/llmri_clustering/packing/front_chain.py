"""Front-chain packing: each circle is placed beside two that touch, as near to the middle as it goes.

Wang, Wang, Dai, Wang (2006), "Visualization of large hierarchical data by circle packing", with the choices
of d3-hierarchy 3, so that it gives the same picture. The front is the ring of circles around all that was
placed, each touching the next. What differs from d3: the pair nearest the middle comes off a heap and
overlaps are found in strips, where d3 walks the whole front twice for each circle; and a circle that would
overlap one that it is about to bury goes elsewhere (see `nook`). Points of the plane are complex numbers.
"""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from llmri_clustering.packing.nook import find_nook
from llmri_clustering.packing.strips import Strips
from llmri_clustering.packing.tangent import tangent_centre

TOLERANCE = 1e-7  # of the smallest radius: as deep as circles overlap before they count as overlapping
ROUNDING = 1e-14  # of all radii together: what a centre may be off by


def front_chain(radii: Sequence[float]) -> tuple[list[complex], list[int]]:  # noqa: C901  # see below
    """Place circles in their order.

    The ring is a linked list in two lists; a circle that is not on it is followed by -1. The loop is long
    because a call of Python's costs as much as a step of it.

    Args:
        radii: Three or more, all positive.

    Returns:
        The centre of each, and the circles of the front in its order.
    """
    tolerance = max(TOLERANCE * min(radii), ROUNDING * sum(radii))
    centres, following, preceding = _first_three(radii)
    strips = Strips(radii, tolerance)
    for circle in range(3):
        strips.add(circle, centres[circle])
    nearest: list[tuple[float, int, int]] = []
    for one, other in ((1, 2), (2, 0)):
        touching = (centres[one] * radii[other] + centres[other] * radii[one]) / (radii[one] + radii[other])
        heappush(nearest, (abs(touching), one, other))
    first, second = 0, 1
    for circle in range(3, len(radii)):
        radius = radii[circle]
        while True:
            centre = tangent_centre(centres[first], centres[second], radii[first], radii[second], radius)
            overlapped = strips.overlapped(centre, radius, first, second)
            if not overlapped:
                break
            wider = _widened(following, preceding, radii, (first, second), overlapped)
            if wider is None:
                break
            first, second = wider
        buried = following[first]
        if buried != second:
            if overlapped or not _buries(following, centres, first, second, centre):
                ring = list(_ring(following, first))
                first, second, centre = find_nook(ring, centres, radii, radius, tolerance)
                buried = following[first]
            while buried != second:
                strips.remove(buried)
                following[buried], buried = -1, following[buried]
        centres[circle] = centre
        strips.add(circle, centre)
        following[first] = preceding[second] = circle
        following[circle], preceding[circle] = second, first
        # A pair's score is the distance from the origin of the point where the two touch. As in d3, the pair
        # of the new circle and the next waits for its turn.
        before, after = radii[first], radii[second]
        score = abs((centres[first] * radius + centre * before) / (before + radius))
        waiting = abs((centre * after + centres[second] * radius) / (radius + after)), circle, second
        heappush(nearest, (score, first, circle))
        while True:
            _, first, second = heappop(nearest)
            if following[first] == second:  # pairs that were parted meanwhile are passed over
                break
        heappush(nearest, waiting)
    return centres, list(_ring(following, first))


def _first_three(radii: Sequence[float]) -> tuple[list[complex], list[int], list[int]]:
    """Return centres, following and preceding circles, with the first three placed around each other."""
    unplaced = len(radii) - 3
    first, second = complex(-radii[1]), complex(radii[0])
    third = tangent_centre(second, first, radii[1], radii[0], radii[2])
    off = [-1] * unplaced
    return [first, second, third, *[0j] * unplaced], [1, 2, 0, *off], [2, 0, 1, *off]


def _ring(following: Sequence[int], start: int) -> Iterator[int]:
    """Go once around."""
    circle = start
    while True:
        yield circle
        circle = following[circle]
        if circle == start:
            return


def _widened(
    following: Sequence[int],
    preceding: Sequence[int],
    radii: Sequence[float],
    pair: tuple[int, int],
    overlapped: Sequence[int],
) -> tuple[int, int] | None:
    """Return the pair with one end moved to the overlapped circle that is nearest along the ring.

    There is none where only circles between the two are overlapped.
    """
    first, second = pair
    ahead, behind = following[second], preceding[first]
    if ahead == first:
        return None
    way_ahead, way_behind = radii[second], radii[first]
    while True:
        last = ahead == behind
        if way_ahead <= way_behind:
            if ahead in overlapped:
                return first, ahead
            way_ahead += radii[ahead]
            ahead = following[ahead]
        else:
            if behind in overlapped:
                return behind, second
            way_behind += radii[behind]
            behind = preceding[behind]
        if last:
            return None


def _buries(
    following: Sequence[int], centres: Sequence[complex], first: int, second: int, centre: complex
) -> bool:
    """Whether what lies between the two on the ring would lie inside the new one, by the signed area."""
    origin = centres[first]
    circle = following[first]
    last, area = centres[circle] - origin, 0.0
    while circle != second:
        circle = following[circle]
        here = centres[circle] - origin
        area += (last.conjugate() * here).imag
        last = here
    return area + (last.conjugate() * (centre - origin)).imag <= 0
