"""The smallest circle around circles.

The problem is of the LP type (Welzl 1991; Matousek, Sharir, Welzl 1996): at most three circles, a basis,
decide. Each step takes up the circle that sticks out farthest (the pivot of Gaertner 1999), so that few steps
are needed and no randomness. Points of the plane are complex numbers.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import inf, sqrt

import numpy as np
import numpy.typing as npt

from llmri_clustering.packing.radii import checked_radii

Circle = tuple[complex, float]  # centre and radius

CLOSE = 1 + 1e-12  # what sticks out by less is rounding


def enclosing_circle(circles: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the smallest circle around circles, as `float64 [3]`: x, y, radius.

    Args:
        circles: x, y and radius of each, `[circles, 3]`; a radius of 0 makes a point.

    Raises:
        ValueError: There are none, the shape is another, or a number is not finite or a radius negative.
    """
    rows = np.asarray(circles, dtype=np.float64)
    if not rows.size or rows.shape[1:] != (3,):
        raise ValueError(f"circles have the shape {list(rows.shape)}, expected [circles, 3] with at least 1")
    if not np.isfinite(rows[:, :2]).all():
        raise ValueError("a centre is not finite, expected finite x and y")
    radii = checked_radii(rows[:, 2])
    centres = rows[:, 0] + 1j * rows[:, 1]
    centre, radius = enclose(list(zip(centres.tolist(), radii.tolist(), strict=True)))
    return np.array([centre.real, centre.imag, radius])


def enclose(circles: Sequence[Circle]) -> Circle:
    """The smallest circle around circles; however its centre is rounded, the radius reaches them all."""
    _, first = farthest(circles, sum(circle[0] for circle in circles) / len(circles))
    _, second = farthest(circles, first[0])
    radius, centre, basis = smallest((first, second))
    while True:
        reach, pivot = farthest(circles, centre)
        if reach <= radius * CLOSE:
            return centre, reach
        wider, next_centre, basis = smallest((*basis, pivot))
        if wider <= radius:
            return centre, reach
        centre, radius = next_centre, wider


def farthest(circles: Sequence[Circle], centre: complex) -> tuple[float, Circle]:
    """Return how far the circles reach from a point, and the one that reaches farthest."""
    reach, pivot = -inf, circles[0]
    for circle in circles:
        distance = abs(circle[0] - centre) + circle[1]
        if distance > reach:
            reach, pivot = distance, circle
    return reach, pivot


def smallest(circles: tuple[Circle, ...]) -> tuple[float, complex, tuple[Circle, ...]]:
    """Return the smallest circle around at most four, and the ones it touches; the last is one of them.

    Every centre that could be the right one is tried, and the one with the least reach is it, so that no
    tolerance decides.
    """
    *others, last = circles
    best: tuple[float, complex, tuple[Circle, ...]] = (inf, last[0], (last,))
    for size in range(min(len(others), 2) + 1):
        for chosen in combinations(others, size):
            basis = (*chosen, last)
            for centre in centres_around(basis):
                reach = farthest(circles, centre)[0]
                if reach < best[0]:
                    best = reach, centre, basis
    return best


def centres_around(basis: Sequence[Circle]) -> Iterator[complex]:
    """Yield the centres of the circles that touch one, two or three circles from outside."""
    first, *others = basis
    match others:
        case []:
            yield first[0]
        case [second]:
            yield from _around_two(first, second)
        case [second, third]:
            yield from _around_three(first, second, third)


def _around_two(first: Circle, second: Circle) -> Iterator[complex]:
    way = second[0] - first[0]
    distance = abs(way)
    if distance:
        yield (first[0] + second[0] + way / distance * (second[1] - first[1])) / 2


def _around_three(first: Circle, second: Circle, third: Circle) -> Iterator[complex]:
    """Solve the problem of Apollonius with the first centre at the origin.

    With `rho` the distance of the centre `z` from it, `|z - d_i| = rho - s_i`. Less `|z| = rho`, squared,
    that is linear: `z = start + rho * step`; put back in, it is a quadratic equation for `rho`.
    """
    d2, s2 = second[0] - first[0], second[1] - first[1]
    d3, s3 = third[0] - first[0], third[1] - first[1]
    determinant = 2 * (d2.real * d3.imag - d2.imag * d3.real)
    if not determinant:
        return
    h2 = d2.real * d2.real + d2.imag * d2.imag - s2 * s2
    h3 = d3.real * d3.real + d3.imag * d3.imag - s3 * s3
    start = 1j * (h3 * d2 - h2 * d3) / determinant
    step = 2j * (s3 * d2 - s2 * d3) / determinant
    quadratic = step.real * step.real + step.imag * step.imag - 1
    half = start.real * step.real + start.imag * step.imag
    constant = start.real * start.real + start.imag * start.imag
    root = sqrt(max(0.0, half * half - quadratic * constant))
    for divisor in (-half + root, -half - root):
        if divisor:
            yield first[0] + start + constant / divisor * step
