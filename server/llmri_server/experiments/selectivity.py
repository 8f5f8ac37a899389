"""Which units fire differently for one kind of question than for another."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


@dataclass
class MeanMagnitude:
    """Running mean of the magnitude of every unit, over positions.

    `total` is `[layers, width]`, in float64 so that long recordings lose nothing.
    """

    total: npt.NDArray[np.float64]
    positions: int = 0

    @classmethod
    def of(cls, recordings: Iterable[Floats]) -> "MeanMagnitude":
        """Take in recordings of `[positions, layers, width]`, at least one."""
        running: MeanMagnitude | None = None
        for recording in recordings:
            if running is None:
                running = cls(np.zeros(recording.shape[1:]))
            running.add(recording)
        if running is None:
            raise ValueError("no recording was given, at least one is needed")
        return running

    def add(self, recording: Floats) -> None:
        """Take in `[positions, layers, width]`."""
        self.total += np.abs(recording).sum(axis=0, dtype=np.float64)
        self.positions += len(recording)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Mean magnitude of every unit, `[layers, width]`."""
        return self.total / self.positions


def most_selective(wanted: Floats, other: Floats, count: int) -> Mask:
    """Mark the `count` units most selective for what is wanted, from mean magnitudes `[layers, width]`.

    A unit's selectivity is (wanted - other) / (wanted + other): 1 where it fires for nothing else, 0 where
    it makes no difference, after the direction selectivity index of vision research (Mazurek, Kager and
    Van Hooser 2014).
    """
    together = wanted + other
    selectivity = np.divide(wanted - other, together, out=np.zeros_like(together), where=together > 0)
    chosen = np.zeros(selectivity.size, dtype=np.bool_)
    chosen[np.argsort(-selectivity, axis=None, kind="stable")[:count]] = True
    return chosen.reshape(selectivity.shape)


def random_units(shape: tuple[int, int], count: int, rng: np.random.Generator) -> Mask:
    """Mark `count` units at random, each as likely as any other."""
    chosen = np.zeros(shape[0] * shape[1], dtype=np.bool_)
    chosen[rng.choice(chosen.size, count, replace=False)] = True
    return chosen.reshape(shape)


def within_layer(chosen: Mask, layer: int, layers: int) -> Mask:
    """Place a choice `[1, width]` in one of several layers: `[layers, width]`, empty elsewhere."""
    placed = np.zeros((layers, chosen.shape[1]), dtype=np.bool_)
    placed[layer] = chosen[0]
    return placed
