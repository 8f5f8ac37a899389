"""Units in the plane, so that those that fire together stand together."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.layout.alignment import align
from llmri_clustering.layout.cells import nearest_in_cells
from llmri_clustering.layout.forces import arrange
from llmri_clustering.layout.graph import NeighbourGraph
from llmri_clustering.layout.neighbours import nearest
from llmri_clustering.layout.standardising import standardised
from llmri_clustering.layout.start import as_places, as_positions, principal_places, spread_out
from llmri_clustering.sources import SampleSource

Positions = npt.NDArray[np.float32]

FEWEST = 3  # units that vary, for a layout to mean anything
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
EXACT = 16384  # units up to which all pairs are correlated
RESUMED = 0.75  # share of the schedule that an earlier layout is spared
DISC_SPACING = 0.4  # radius of the constant units' disc, over the root of their number


def hebbian_layout(
    samples: npt.ArrayLike | SampleSource,
    *,
    seed: int = 0,
    previous: Positions | None = None,
    neighbours: int = 15,
) -> Positions:
    """Return each unit's place in the plane, `[units, 2]`: correlated units stand close together.

    Neighbours by correlation, exact up to 16,384 units and beyond looked for in the cells around each
    (`nearest_in_cells`), two principal components smoothed over their graph, then attraction
    along the graph and random repulsion. The same samples and seed give the same bits on the same machine.
    Constant units, which correlate with nothing, stand in a disc beside the others.

    Args:
        samples: Activations, `[samples, units]`.
        seed: Of everything random.
        previous: An earlier layout of the same units, `[units, 2]`. The new one starts from it with
            small steps, and is turned, mirrored, shifted and resized to cover it, so that the picture does
            not jump.
        neighbours: How many each unit is attracted to; all others, where there are fewer.

    Raises:
        ValueError: `samples` are not a finite matrix, `previous` does not fit, or `neighbours` is below 1.
    """
    units = standardised(samples)
    if neighbours < 1:
        raise ValueError(f"{neighbours} neighbours asked for, expected at least 1")
    if previous is not None:
        _check(previous, len(units))
    varying = units.any(axis=1)
    if varying.sum() < FEWEST:
        varying = np.zeros_like(varying)
    positions = np.empty((len(units), 2), dtype=np.float32)
    if varying.any():
        earlier = None if previous is None else previous[varying]
        positions[varying] = _embed(units if varying.all() else units[varying], seed, earlier, neighbours)
    positions[~varying] = _disc_beside(positions[varying], int((~varying).sum()))
    return positions


def _embed(
    units: npt.NDArray[np.floating], seed: int, previous: Positions | None, neighbours: int
) -> Positions:
    """Lay out standardised units that vary, `[units, samples]`, in an order drawn at random."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(units))
    k = min(neighbours, len(units) - 1)
    indices, _ = (
        nearest(single(units), k)
        if len(units) <= EXACT
        else nearest_in_cells(np.ascontiguousarray(units), k, rng)
    )
    graph = NeighbourGraph.of_neighbours(np.argsort(order)[indices[order]])
    if previous is None:
        places = arrange(principal_places(units, order, graph, rng), graph, rng)
    else:
        places = arrange(spread_out(as_places(previous[order]), rng), graph, rng, begin=RESUMED)
    positions = np.empty((len(units), 2), dtype=np.float32)
    positions[order] = as_positions(places)
    return positions if previous is None else align(positions, previous)


def _disc_beside(positions: Positions, number: int) -> Positions:
    """So many places in a disc to the right of the others, `[number, 2]`, evenly filled (Vogel 1979)."""
    step = np.arange(number) + 0.5
    radius = DISC_SPACING * np.sqrt(step)
    turn = GOLDEN_ANGLE * step
    disc = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    if len(positions):
        gap = DISC_SPACING * (np.sqrt(number) + 2)
        disc += [positions[:, 0].max() + gap, positions[:, 1].mean()]
    return disc.astype(np.float32)


def _check(previous: Positions, units: int) -> None:
    if previous.shape != (units, 2):
        raise ValueError(f"the previous layout has shape {previous.shape}, expected ({units}, 2)")
    if wrong := int(previous.size - np.isfinite(previous).sum()):
        raise ValueError(f"{wrong} of {previous.size} previous coordinates are not finite, expected 0")
