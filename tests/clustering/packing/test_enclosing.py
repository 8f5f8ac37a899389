import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.packing import enclosing_circle

Floats = npt.NDArray[np.float64]

coordinates = st.floats(-100, 100)
circles = st.lists(st.tuples(coordinates, coordinates, st.floats(0, 50)), min_size=1, max_size=40).map(
    np.array
)


def reach(circles: Floats, x: float, y: float) -> float:
    """Return the radius that a circle around (x, y) needs."""
    return float((np.hypot(circles[:, 0] - x, circles[:, 1] - y) + circles[:, 2]).max())


@given(circles)
@settings(max_examples=200, deadline=None)
def test_it_holds_all_and_no_centre_nearby_needs_less(circles: Floats) -> None:
    x, y, radius = enclosing_circle(circles)
    assert reach(circles, x, y) <= radius * (1 + 1e-9)
    # The reach is convex in the centre, so that a least one nearby is the least of all.
    angles = np.linspace(0, 2 * np.pi, 64)
    nearby = [reach(circles, x + 1e-3 * np.cos(angle), y + 1e-3 * np.sin(angle)) for angle in angles]
    assert min(nearby) >= radius * (1 - 1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_a_search_for_the_centre_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = np.column_stack((random.normal(0, 10, (30, 2)), random.uniform(0, 5, 30)))

    def least_at(x: float) -> float:
        return float(
            minimize_scalar(lambda y: reach(drawn, x, y), bounds=(-60, 60), options={"xatol": 1e-9}).fun
        )

    found = minimize_scalar(least_at, bounds=(-60, 60), options={"xatol": 1e-9})
    assert enclosing_circle(drawn)[2] == pytest.approx(found.fun, rel=1e-6)


def test_circles_on_a_line() -> None:
    drawn = [[0, 0, 1], [5, 0, 1], [10, 0, 1], [2, 0, 0]]
    assert enclosing_circle(drawn).tolist() == pytest.approx([5, 0, 6])


def test_one_holds_all_others() -> None:
    assert enclosing_circle([[1, 2, 10], [3, 2, 1], [1, 2, 10]]).tolist() == [1, 2, 10]


def test_three_that_touch() -> None:
    height = np.sqrt(3)
    assert enclosing_circle([[-1, 0, 1], [1, 0, 1], [0, height, 1]])[2] == pytest.approx(1 + 2 / height)


@pytest.mark.parametrize("wrong", [[], [[1, 2]], [1, 2, 3], np.empty((0, 3))])
def test_another_shape_is_refused(wrong: npt.ArrayLike) -> None:
    with pytest.raises(ValueError, match=r"expected \[circles, 3\] with at least 1"):
        enclosing_circle(wrong)


@pytest.mark.parametrize("wrong", [[np.nan, 0, 1], [0, np.inf, 1], [0, 0, -1], [0, 0, np.nan]])
def test_a_number_that_is_no_place_or_size_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        enclosing_circle([wrong])
