"""Which units fire differently for one kind of question than for another."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


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
