import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import cKDTree  # type: ignore[import-untyped]

from llmri_clustering.packing.lattice import LEAST, TABLED, arrangement, lattice_for
from llmri_clustering.packing.siblings import place_siblings
from tests.clustering.packing.promises import TOLERANCE, deepest_overlap


def circles_of(number: int) -> npt.NDArray[np.float64]:
    lattice = lattice_for(number)
    centres = lattice.centres[lattice.start[number] : lattice.start[number] + number]
    return np.column_stack((centres.real, centres.imag, np.ones(number)))


@pytest.mark.parametrize("number", [*range(1, 40), 100, 256, 257, 1000])
def test_equal_circles_stand_apart_inside_the_stated_radius(number: int) -> None:
    x, y, _ = circles_of(number).T
    assert deepest_overlap(circles_of(number)) <= TOLERANCE
    assert (np.hypot(x, y) + 1).max() == pytest.approx(lattice_for(number).radius[number])


@pytest.mark.parametrize(
    ("number", "radius"), [(1, 1), (2, 2), (3, 1 + 2 / np.sqrt(3)), (7, 3), (19, 5), (0, 0)]
)
def test_known_best_arrangements(number: int, radius: float) -> None:
    assert lattice_for(number).radius[number] == pytest.approx(radius)


def test_it_is_never_less_dense_than_the_front_chain() -> None:
    for number in range(1, 130):
        assert lattice_for(number).radius[number] <= place_siblings([1.0] * number)[1] + 1e-9


def test_more_circles_need_no_smaller_circle() -> None:
    assert (np.diff(lattice_for(1000).radius) >= -1e-9).all()


def test_a_table_is_made_once() -> None:
    assert lattice_for(3) is lattice_for(LEAST)
    assert lattice_for(LEAST + 1) is not lattice_for(LEAST)


@pytest.mark.parametrize("number", [TABLED + 1, 20_011])
def test_circles_beyond_the_table_stand_as_densely_apart(number: int) -> None:
    centres, around = arrangement(number)
    assert len(centres) == number
    nearest, _ = cKDTree(np.column_stack((centres.real, centres.imag))).query(
        np.column_stack((centres.real, centres.imag)), k=2
    )
    assert nearest[:, 1].min() >= 2 - 1e-9
    assert np.abs(centres).max() + 1 == pytest.approx(around)
    tabled, radius = arrangement(TABLED)
    assert number / around**2 == pytest.approx(len(tabled) / radius**2, rel=0.01)
