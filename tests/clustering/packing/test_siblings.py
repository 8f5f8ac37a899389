from unittest.mock import Mock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings

from llmri_clustering.packing import enclosing_circle, pack_siblings
from llmri_clustering.packing.nook import find_nook
from llmri_clustering.packing.siblings import place_siblings
from tests.clustering.packing.promises import TOLERANCE, deepest_overlap, farthest_outside
from tests.clustering.packing.search import search, shrunk
from tests.clustering.packing.strategies import radii as any_radii

Floats = npt.NDArray[np.float64]

# Found by the search: d3-hierarchy 3 lays the last circle on one that it buries, 0.46 of its radius deep.
BURIED = [1.757172, 1.037458, 1e6, 1.951996, 1.032183, 1.558256, 1.821998, 1.854909, 1e6]


@given(any_radii)
@settings(max_examples=300, deadline=None)
def test_no_two_overlap_and_the_circle_around_holds_them(radii: Floats) -> None:
    circles = pack_siblings(radii)
    assert circles[:, 2].tolist() == radii.tolist()
    assert deepest_overlap(circles) <= TOLERANCE
    _, around = place_siblings(radii.tolist())
    assert farthest_outside(circles, np.array([0, 0, around])) <= TOLERANCE


def test_a_short_search_finds_no_counter_example() -> None:
    assert search(seconds=3, seed=0) is None


def test_the_search_makes_a_counter_example_small() -> None:
    radii = np.arange(1.0, 9.0)
    assert shrunk(radii, lambda fewer: 3.0 in fewer and 7.0 in fewer).tolist() == [3, 7]


def test_a_circle_is_never_laid_on_what_it_buries(monkeypatch: pytest.MonkeyPatch) -> None:
    find = Mock(wraps=find_nook)
    monkeypatch.setattr("llmri_clustering.packing.front_chain.find_nook", find)
    assert deepest_overlap(pack_siblings(BURIED)) <= TOLERANCE
    find.assert_called()


def test_the_circle_around_stands_at_the_origin() -> None:
    radii = np.random.default_rng(0).uniform(1, 3, 50)
    np.testing.assert_allclose(enclosing_circle(pack_siblings(radii))[:2], 0, atol=1e-9)


def test_points_stand_where_the_first_two_touch() -> None:
    circles = pack_siblings([0, 2, 1, 0])
    np.testing.assert_allclose(circles, [[1, 0, 0], [-1, 0, 2], [2, 0, 1], [1, 0, 0]])


def test_nothing_gives_nothing() -> None:
    assert pack_siblings([]).shape == (0, 3)


def test_a_thousand_circles_over_six_orders_of_magnitude_stand_apart() -> None:
    radii = 10 ** np.random.default_rng(1).uniform(-3, 3, 1000)
    assert deepest_overlap(pack_siblings(radii)) <= TOLERANCE
