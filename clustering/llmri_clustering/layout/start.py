"""Where the units stand before any force moves them: two principal components, smoothed over the graph."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.layout.graph import NeighbourGraph

POWER_STEPS = 8
SMOOTHING = 10
SPREAD = 0.19  # deviation of the places, times the root of the units: neighbours stand about 0.5 apart
JITTER = 1e-3  # so that identical units can part


def principal_places(
    units: npt.NDArray[np.float32], graph: NeighbourGraph, rng: np.random.Generator
) -> npt.NDArray[np.complex64]:
    """Give each unit's place, `[units]`, from two principal components of standardised units.

    A layout that starts from principal components repeats where one from noise does not (Kobak, Linderman
    2021). The components come from few power steps on random weights of the units (Halko, Martinsson, Tropp
    2011). Few, because components of nearly equal variance turn freely with the samples: what the steps
    don't tell apart stays mixed as the seed has it, and a refit finds the same mixture.

    Args:
        units: Standardised units, `[units, samples]`.
        graph: Their neighbours.
        rng: Gives the weights.
    """
    centred = units - units.mean(axis=0)
    axes = centred.T @ rng.standard_normal((len(units), 2), dtype=np.float32)
    covariance = centred.T @ centred
    for _ in range(POWER_STEPS):
        axes = np.linalg.qr(covariance @ axes).Q
    smooth = graph.smoothed(as_places(centred @ axes), SMOOTHING)
    return spread_out(_whitened(smooth), rng)


def spread_out(places: npt.NDArray[np.complex64], rng: np.random.Generator) -> npt.NDArray[np.complex64]:
    """Centre the places and give them the density at which the forces work, `[units]`."""
    centred = places - places.mean()
    deviation = np.sqrt(np.square(np.abs(centred)).mean() / 2)
    noise = as_places(rng.standard_normal((len(places), 2), dtype=np.float32))
    unit = centred / max(deviation, np.finfo(np.float32).tiny) + np.float32(JITTER) * noise
    return np.asarray(unit * (SPREAD * np.sqrt(len(places))), dtype=np.complex64)


def as_places(positions: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    """Give points of the plane, `[units, 2]`, as complex numbers, `[units]`."""
    return np.ascontiguousarray(positions, dtype=np.float32).view(np.complex64)[:, 0]


def as_positions(places: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
    """Give complex numbers, `[units]`, as points of the plane, `[units, 2]`."""
    return np.ascontiguousarray(places).view(np.float32).reshape(-1, 2)


def _whitened(places: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
    """Give the places equal variance along their own two axes; an axis without extent stays so."""
    positions = as_positions(places).astype(np.float64)
    positions -= positions.mean(axis=0)
    left, extent, _ = np.linalg.svd(positions, full_matrices=False)
    return as_places((left * (extent > 1e-6 * extent.max())).astype(np.float32))
