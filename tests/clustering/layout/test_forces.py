"""The vectorised forces, beside loops over pairs."""

import numpy as np

from llmri_clustering.layout.forces import attraction, repulsion
from llmri_clustering.layout.graph import NeighbourGraph

UNITS = 12


def places() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=UNITS) + 1j * rng.normal(size=UNITS)).astype(np.complex64)


def neighbours() -> np.ndarray:
    return np.stack(
        [np.random.default_rng(n).permutation(np.delete(np.arange(UNITS), n))[:3] for n in range(UNITS)]
    )


def test_attraction_is_the_sum_over_edges() -> None:
    here, near = places(), neighbours()
    expected = np.zeros(UNITS, complex)
    for unit in range(UNITS):
        for other in near[unit]:
            apart = here[other] - here[unit]
            pull = apart / (1 + abs(apart) ** 2) / 6
            expected[unit] += pull
            expected[other] -= pull
    np.testing.assert_allclose(attraction(here, NeighbourGraph.of_neighbours(near)), expected, rtol=1e-4)


def test_repulsion_over_all_shifts_is_that_of_t_sne() -> None:
    here = places()
    apart = here[:, None] - here[None, :]
    closeness = 1 / (1 + np.abs(apart) ** 2)
    np.fill_diagonal(closeness, 0)
    normaliser = closeness.sum() / UNITS
    expected = (closeness**2 * apart).sum(axis=1) / normaliser
    np.testing.assert_allclose(repulsion(here, list(range(1, UNITS))), expected, rtol=1e-4, atol=1e-6)


def test_repulsion_moves_no_centre() -> None:
    assert abs(repulsion(places(), [1, 5]).sum()) < 1e-5


def test_smoothing_goes_half_of_the_way_to_the_neighbours() -> None:
    here, near = places(), neighbours()
    weight = np.zeros((UNITS, UNITS))
    np.put_along_axis(weight, near, 1, axis=1)
    weight += weight.T
    expected = (here + weight @ here / weight.sum(axis=1)) / 2
    np.testing.assert_allclose(NeighbourGraph.of_neighbours(near).smoothed(here, 1), expected, rtol=1e-4)
