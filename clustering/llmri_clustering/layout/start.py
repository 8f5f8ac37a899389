"""Where the units stand before any force moves them: two principal components, smoothed over the graph."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.layout.graph import NeighbourGraph

MIXTURES = 2  # from more a plane would have to be chosen, and a refit might choose another
SMOOTHING = 20
SPREAD = 0.19  # deviation of the places, times the root of the units: neighbours stand about 0.5 apart
AT_ONCE = 16384  # units in float32
JITTER = 1e-3  # so that identical units can part


def principal_places(
    units: npt.NDArray[np.floating],
    order: npt.NDArray[np.intp],
    graph: NeighbourGraph,
    rng: np.random.Generator,
) -> npt.NDArray[np.complex64]:
    """Return each unit's place, `[units]` in the graph's order, from two mixtures of principal components.

    A layout that starts from principal components repeats where one from noise does not (Kobak, Linderman
    2021). Random mixtures are multiplied once by the correlations (Halko, Martinsson, Tropp 2011) and
    smoothed over the graph. Once, because components of nearly equal variance turn freely with the samples:
    what the product does not tell apart stays mixed as the seed has it, and a refit finds the same mixture.
    New samples move every further product as far again, and the graph far less.

    Args:
        units: Standardised units, `[units, samples]`.
        order: Which of them the graph's first unit is, and so on, `[units]`.
        graph: Their neighbours.
        rng: Gives the mixtures.
    """
    weights = rng.standard_normal((len(units), MIXTURES), dtype=np.float32)
    mixed = _times(units, _times_transposed(units, weights - weights.mean(axis=0)))
    return spread_out(graph.smoothed(as_places(_whitened(mixed[order])), SMOOTHING), rng)


def spread_out(places: npt.NDArray[np.complex64], rng: np.random.Generator) -> npt.NDArray[np.complex64]:
    """Centre the places and give them the density at which the forces work, `[units]`."""
    centred = places - places.mean()
    deviation = np.sqrt(np.square(np.abs(centred)).mean() / 2)
    noise = as_places(rng.standard_normal((len(places), 2), dtype=np.float32))
    unit = centred / max(deviation, np.finfo(np.float32).tiny) + np.float32(JITTER) * noise
    return np.asarray(unit * (SPREAD * np.sqrt(len(places))), dtype=np.complex64)


def as_places(positions: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    """Return points of the plane, `[units, 2]`, as complex numbers, `[units]`."""
    return np.ascontiguousarray(positions, dtype=np.float32).view(np.complex64)[:, 0]


def as_positions(places: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
    """Return complex numbers, `[units]`, as points of the plane, `[units, 2]`."""
    return np.ascontiguousarray(places).view(np.float32).reshape(-1, 2)


def _times(units: npt.NDArray[np.floating], columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the product, `[units, columns]`, without all units in float32 at once where they are not."""
    parts = (single(units[at : at + AT_ONCE]) @ columns for at in range(0, len(units), AT_ONCE))
    return np.concatenate(list(parts))


def _times_transposed(
    units: npt.NDArray[np.floating], columns: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the product with the transposed units, `[samples, columns]`, likewise."""
    found = np.zeros((units.shape[1], columns.shape[1]), dtype=np.float32)
    for at in range(0, len(units), AT_ONCE):
        found += single(units[at : at + AT_ONCE]).T @ columns[at : at + AT_ONCE]
    return found


def _whitened(columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The two axes of most variance, `[units, 2]`, with equal variance; one without extent stays so."""
    left, extent, _ = np.linalg.svd(columns - columns.mean(axis=0, dtype=np.float64), full_matrices=False)
    whitened: npt.NDArray[np.float32] = (left * (extent > 1e-6 * extent[0]))[:, :2].astype(np.float32)
    return whitened
