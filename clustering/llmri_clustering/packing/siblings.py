"""Circles beside each other, and the circle around them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_clustering.packing.enclosing import enclose
from llmri_clustering.packing.front_chain import front_chain
from llmri_clustering.packing.radii import checked_radii

FRONT = 3  # so many circles make the first front


def pack_siblings(radii: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Place circles so that none overlap, and the smallest circle around them stands at the origin.

    Each is placed in turn, so that the order matters: largest first is denser. A circle of radius 0 is a
    point: all of these stand where the first two others touch.

    Args:
        radii: `[circles]`.

    Returns:
        x, y and radius of each circle, `float64 [circles, 3]`.

    Raises:
        ValueError: A radius is negative or not finite.
    """
    checked = checked_radii(radii)
    centres, _ = place_siblings(checked.tolist())
    placed = np.array(centres, dtype=np.complex128)
    return np.column_stack((placed.real, placed.imag, checked))


def place_siblings(radii: Sequence[float]) -> tuple[list[complex], float]:
    """Return the centre of each circle, and the radius of the smallest circle around all, at the origin."""
    solid = [circle for circle, radius in enumerate(radii) if radius]
    if not solid:
        return [0j] * len(radii), 0.0
    sizes = [radii[circle] for circle in solid]
    placed, outer = front_chain(sizes) if len(sizes) >= FRONT else _first_two(sizes)
    middle, around = enclose([(placed[circle], sizes[circle]) for circle in outer])
    touching = placed[0] + sizes[0]
    centres = [touching - middle] * len(radii)
    for circle, centre in zip(solid, placed, strict=True):
        centres[circle] = centre - middle
    return centres, around


def _first_two(radii: Sequence[float]) -> tuple[list[complex], list[int]]:
    """Return centres of one or two circles that touch on the real axis, and their numbers."""
    return [complex(-radii[-1]), complex(radii[0])][: len(radii)], list(range(len(radii)))
