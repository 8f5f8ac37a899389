"""Attraction along the neighbour graph and random repulsion, over all units at once."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from llmri_clustering.layout.graph import NeighbourGraph

Places = npt.NDArray[np.complex64]

STEPS = 130
FIRST_STEP = 3.8  # the step shrinks to 0 with the square of what is left to do
SHIFTS = 14  # pairs that each unit begins in a step; it ends as many others
REPULSION = (0.3, 0.9)  # at the first and the last step; 1 is t-SNE, about 0.25 is UMAP


def arrange(places: Places, graph: NeighbourGraph, rng: np.random.Generator, begin: float = 0.0) -> Places:
    """Let the forces move the units, whose order must be random, and give their places, `[units]`.

    The forces are those of t-SNE (van der Maaten, Hinton 2008), with the repulsion and its normaliser taken
    from random pairs, as LargeVis (Tang et al. 2016) and UMAP (McInnes, Healy, Melville 2018) do. How
    strongly it counts says where a layout stands between UMAP and t-SNE (Boehm, Berens, Kobak 2022): it
    begins near the one, which finds the coarse order, and ends near the other, which keeps neighbours.

    Args:
        places: Where the units stand, as complex numbers, `[units]`.
        graph: What attracts.
        rng: Gives the random pairs.
        begin: The share of the schedule to leave out: what is arranged already needs no large steps.
    """
    shifts = _shifts(len(places), rng)
    for step in range(round(begin * STEPS), STEPS):
        done = step / STEPS
        strength = REPULSION[0] + done * (REPULSION[1] - REPULSION[0])
        pairs = [next(shifts) for _ in range(min(SHIFTS, len(places) // 2))]
        force = attraction(places, graph) + np.float32(strength) * repulsion(places, pairs)
        places = places + np.float32(FIRST_STEP * (1 - done) ** 2) * force
    return places


def attraction(places: Places, graph: NeighbourGraph) -> Places:
    """Return the pull of each unit's neighbours on it, `[units]`: sum of w d / (1 + |d|^2)."""
    apart = places.take(graph.other)
    apart -= np.repeat(places, graph.degree)
    apart *= graph.weight * _closeness(apart)
    return graph.total(apart)


def repulsion(places: Places, shifts: list[int]) -> Places:
    """Return the push of the sampled units on each unit, `[units]`: mean of q^2 d over mean of q.

    A pair is a unit and the one so many places further on, around the end. As the order is random so is the
    pair, and a slice takes the place of a gather and a scatter.
    """
    units = len(places)
    around = np.concatenate([places, places])
    apart = np.stack([around[shift : shift + units] for shift in shifts])
    apart -= places
    near = _closeness(apart)
    closeness = float(near.sum(dtype=np.float64)) / units
    near *= near
    apart *= near
    force = -apart.sum(axis=0)
    for shift, pushed in zip(shifts, apart, strict=True):
        force[shift:] += pushed[: units - shift]
        force[:shift] += pushed[units - shift :]
    return np.asarray(force / np.float32(2 * closeness), dtype=np.complex64)


def _closeness(apart: Places) -> npt.NDArray[np.float32]:
    """Return q = 1 / (1 + |d|^2)."""
    squared = np.square(apart.real)
    squared += np.square(apart.imag)
    squared += 1
    return np.reciprocal(squared, out=squared)


def _shifts(units: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield shifts without end, such that every pair of units comes once before any comes again."""
    while True:
        yield from (1 + rng.permutation(units // 2)).tolist()
