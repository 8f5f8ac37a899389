import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import enclosing_circle, pack_circles, pack_siblings
from tests.clustering.packing.promises import TOLERANCE, worst
from tests.clustering.packing.strategies import nesting, nestings


@given(nestings(), st.sampled_from([0.0, 0.5, 3.0]))
@settings(max_examples=100, deadline=None)
def test_siblings_stand_apart_and_parents_hold_their_children(nested: Nesting, padding: float) -> None:
    assert worst(nested, pack_circles(nested, padding=padding), padding) <= TOLERANCE


@given(nestings(), st.data())
@settings(max_examples=100, deadline=None)
def test_so_they_do_with_units_of_any_radius(nested: Nesting, data: st.DataObject) -> None:
    radius = st.one_of(st.sampled_from([0.0, 1.0, 1e-3, 1e3]), st.floats(1e-3, 1e3))
    number = len(nested.group)
    radii = data.draw(st.lists(radius, min_size=number, max_size=number))
    packing = pack_circles(nested, radii)
    assert worst(nested, packing) <= TOLERANCE
    inside = nested.group >= 0
    assert packing.units[inside, 2].tolist() == np.array(radii)[inside].tolist()


@pytest.mark.parametrize("clusters", [1, 7, 64])
def test_thousands_of_equal_units_stand_apart(clusters: int) -> None:
    random = np.random.default_rng(clusters)
    group = random.integers(1, clusters + 1, 1500)
    nested = nesting([-1] + [0] * clusters, group.tolist())
    assert worst(nested, pack_circles(nested)) <= TOLERANCE


@pytest.mark.parametrize("padding", [0.0, 0.5])
def test_very_many_units_beside_groups_stand_in_one_disc(padding: float) -> None:
    group = np.concatenate([np.zeros(1500, np.int64), np.repeat(np.arange(1, 8), 20)])
    nested = nesting([-1] + [0] * 7, group.tolist())
    packing = pack_circles(nested, padding=padding)
    assert worst(nested, packing, padding) <= TOLERANCE
    loose = packing.units[group == 0]
    disc = enclosing_circle(loose)
    assert len(loose) / disc[2] ** 2 > 0.8 / (1 + padding / 2) ** 2
    apart = np.hypot(*(packing.groups[1:, :2] - disc[:2]).T)
    assert (apart + TOLERANCE >= packing.groups[1:, 2] + disc[2] + padding).all()


def test_the_root_is_centred_at_the_origin() -> None:
    assert pack_circles(nesting([-1, 0, 0], [1, 1, 2])).groups[0, :2].tolist() == [0, 0]


def test_a_unit_in_no_group_has_no_circle() -> None:
    units = pack_circles(nesting([-1], [0, -1, 0])).units
    assert np.isnan(units[1]).all()
    assert not np.isnan(units[[0, 2]]).any()


def test_units_of_one_radius_are_those_of_radius_1_enlarged() -> None:
    nested = nesting([-1, 0, 0], [1, 1, 2, 2, 2])
    np.testing.assert_allclose(
        pack_circles(nested, [2.5] * 5).units, 2.5 * pack_circles(nested).units, atol=1e-12
    )


def test_groups_may_have_units_of_different_radii_each() -> None:
    nested = nesting([-1, 0, 0], [1, 1, 1, 2, 2, 2, 2])
    radii = [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1]
    assert worst(nested, pack_circles(nested, radii)) <= TOLERANCE


def test_a_group_with_nothing_in_it_is_a_point() -> None:
    packing = pack_circles(nesting([-1, 0, 0], [1, 1]))
    assert packing.groups[2, 2] == 0
    assert np.isfinite(packing.groups).all()


def test_nothing_at_all_is_a_point() -> None:
    assert pack_circles(nesting([-1], [])).groups.tolist() == [[0, 0, 0]]


def test_the_order_of_groups_does_not_change_the_size() -> None:
    sizes = [3, 40, 11, 25, 7]
    forwards = np.repeat(np.arange(1, 6), sizes)
    backwards = np.repeat(np.arange(1, 6), sizes[::-1])
    radii = [
        pack_circles(nesting([-1] + [0] * 5, group.tolist())).groups[0, 2] for group in (forwards, backwards)
    ]
    assert radii[0] == pytest.approx(radii[1], rel=1e-9)


def test_the_same_input_gives_the_same_bits() -> None:
    nested = nesting([-1, 0, 0, 1], [1, 1, 2, 3, 3, 3, 3, 0])
    first, second = pack_circles(nested), pack_circles(nested)
    assert first.groups.tobytes() == second.groups.tobytes()
    assert first.units.tobytes() == second.units.tobytes()


def test_more_groups_than_16_bits_can_count() -> None:
    groups = 40_000
    parent = np.arange(-1, groups - 1)
    group = np.array([groups - 1, groups - 1, 0])
    nested = nesting(parent.tolist(), group.tolist())
    packing = pack_circles(nested)
    assert packing.groups[-1, 2] == pytest.approx(2)
    assert packing.groups[0, 2] == pytest.approx(3)


def test_scaled_gives_the_root_a_radius() -> None:
    packing = pack_circles(nesting([-1, 0], [1, 1, 0]))
    scaled = packing.scaled(10)
    assert scaled.groups[0, 2] == pytest.approx(10)
    np.testing.assert_allclose(scaled.units / scaled.groups[0, 2], packing.units / packing.groups[0, 2])


def test_padding_keeps_siblings_and_the_parents_edge_apart() -> None:
    packing = pack_circles(nesting([-1], [0, 0]), padding=0.5)
    assert packing.groups[0, 2] == pytest.approx(2 + 0.25 + 0.5)
    assert abs(packing.units[0, 0] - packing.units[1, 0]) == pytest.approx(2.5)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_a_wrong_radius_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"radius 1 is .*expected a finite number"):
        pack_circles(nesting([-1], [0, 0]), [1.0, wrong])
    with pytest.raises(ValueError, match=r"radius 1 is"):
        pack_siblings([1.0, wrong])
    with pytest.raises(ValueError, match=r"radius 0 is|centre is not finite"):
        enclosing_circle([[wrong, 0, wrong]])


def test_radii_must_be_one_for_each_unit() -> None:
    with pytest.raises(ValueError, match="3 radii, expected one for each of 2 units"):
        pack_circles(nesting([-1], [0, 0]), [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="shape"):
        pack_circles(nesting([-1], [0, 0]), [[1.0, 1.0]])


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf])
def test_a_wrong_padding_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="padding"):
        pack_circles(nesting([-1], [0]), padding=wrong)
