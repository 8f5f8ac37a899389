"""Scans in half precision: two bytes a value, by a centre and a scale of each unit.

A number of half precision has 11 significant bits, whatever its size. So what is kept is the distance from
about the middle of a unit's values, in about its own spread: the rounding is then at most 2^-11 of that
distance, also of one of 200 standard deviations, and no unit loses its digits to a large mean.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

MOST = np.float32(np.finfo(np.float16).max)  # 65504 times the scale
ROUNDING = 2.0**-11  # of a value's distance from the centre, at most
LEAST = 2.0**-25  # of the scale, at most, where a value is next to the centre
FAR = 4.0  # deviations between the centre and the mean that call for another centre
TOO_FINE, TOO_COARSE = 2.0**-6, 2.0**6  # deviation over scale that calls for another scale


@dataclass(frozen=True, eq=False)
class Coding:
    """How values become numbers of half precision.

    Attributes:
        centre: What is taken off each unit, `[units]`.
        scale: What the rest is divided by, a power of two, `[units]`.
        roundings: How often a value was rounded at most, since another coding was chosen meanwhile.
    """

    centre: Floats
    scale: Floats
    roundings: int = 1

    @classmethod
    def of(cls, scans: Floats) -> Self:
        """Return one that suits some scans, `[scans, units]`."""
        centre = np.median(scans, axis=0).astype(np.float32)
        spread = np.abs(scans - centre).mean(axis=0)
        spread = np.where(spread > 0, spread, np.maximum(np.abs(centre), 1))
        return cls(centre, np.exp2(np.round(np.log2(spread))).astype(np.float32))

    def encoded(self, values: Floats) -> Halves:
        """Return values of all units, `[..., units]`, which `holds` says it holds."""
        return np.asarray(((values - self.centre) / self.scale).astype(np.float16))

    def holds(self, values: Floats) -> bool:
        """Tell whether no value, `[..., units]`, is beyond 65504 times its scale."""
        return bool((np.abs(values - self.centre) <= MOST * self.scale).all())

    def widened(self, values: Floats) -> "Coding":
        """Return one that holds these values too, `[..., units]`; scales that are wide enough stay."""
        apart = np.abs(np.atleast_2d(values) - self.centre).max(axis=0).astype(np.float64)
        steps = np.ceil(np.log2(np.maximum(apart / MOST / self.scale, 1)))
        return replace(self, scale=(self.scale * np.exp2(steps)).astype(np.float32))

    def decoded(self, coded: Halves, units: slice | npt.NDArray[np.intp] = slice(None)) -> Floats:
        """Return the values of some units, `[..., those units]`."""
        values = coded.astype(np.float32)
        values *= self.scale[units]
        values += self.centre[units]
        return values

    def turned(self, values: Floats, units: slice) -> npt.NDArray[np.float64]:
        """Return the angle that rounding may turn some units' standardised samples by, `[those units]`.

        A unit's rounding is at most 2^-11 of its samples' length from the centre; over their length from the
        mean that is the sine of the angle, in radians.

        Args:
            values: Samples of these units, `[samples, those units]`.
            units: Which.
        """
        exact = values.astype(np.float64)
        rounded = ROUNDING * np.linalg.norm(exact - self.centre[units], axis=0)
        rounded += LEAST * self.scale[units] * np.sqrt(len(exact))
        from_mean = np.linalg.norm(exact - exact.mean(axis=0), axis=0)
        sine = np.divide(
            self.roundings * rounded, from_mean, out=np.zeros(len(from_mean)), where=from_mean > 0
        )
        return np.asarray(np.arcsin(np.minimum(sine, 1)))

    def suits(self, mean: Floats, deviation: Floats) -> bool:
        """Tell whether values of this mean and deviation, `[units]`, keep their digits."""
        far = np.abs(mean - self.centre) > FAR * deviation
        ratio = deviation / self.scale
        odd = (ratio < TOO_FINE) | (ratio > TOO_COARSE)
        return not bool(((far | odd) & (deviation > 0)).any())
