"""Where a circle touches two others; points of the plane are complex numbers."""

from math import sqrt


def tangent_centre(
    first: complex, second: complex, first_radius: float, second_radius: float, radius: float
) -> complex:
    """Return the centre of the circle that touches both, on the right of the way from first to second.

    The law of cosines is solved from the nearer centre: from the farther one, a small circle beside a
    large one would lose its digits. Where the two are too far apart to touch both, the centre lies on the
    line between them.
    """
    way = second - first
    square = way.real * way.real + way.imag * way.imag
    from_first, from_second = first_radius + radius, second_radius + radius
    difference = (from_second - from_first) * (from_second + from_first)
    if difference < 0:
        along = (square + difference) / (square + square)
        across = from_second * from_second / square - along * along
        return second + way * complex(-along, -sqrt(across) if across > 0 else 0.0)
    along = (square - difference) / (square + square)
    across = from_first * from_first / square - along * along
    return first + way * complex(along, -sqrt(across) if across > 0 else 0.0)
