import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_clustering.evidence import carried_labels, stable_numbers
from llmri_clustering.units import UnitSet

Labels = npt.NDArray[np.int32]

LABELS = st.lists(st.integers(-1, 6), min_size=1, max_size=40).map(lambda drawn: np.array(drawn, np.int32))
PAIRS = st.integers(1, 40).flatmap(
    lambda units: st.tuples(*[st.lists(st.integers(-1, 6), min_size=units, max_size=units)] * 2)
)


def members(labels: Labels) -> dict[int, frozenset[int]]:
    """The units of every cluster."""
    return {
        number: frozenset(np.flatnonzero(labels == number).tolist()) for number in set(labels.tolist()) - {-1}
    }


@given(LABELS, st.permutations(range(7)))
def test_the_same_clusters_keep_their_numbers_whatever_they_are_called_now(
    previous: Labels, names: list[int]
) -> None:
    called = np.array([*names, -1], dtype=np.int32)[previous]
    assert stable_numbers(called, previous).tolist() == previous.tolist()


@given(PAIRS)
def test_numbers_change_and_clusters_do_not(two: tuple[list[int], list[int]]) -> None:
    labels, previous = (np.array(part, dtype=np.int32) for part in two)
    assert set(members(stable_numbers(labels, previous)).values()) == set(members(labels).values())


@given(PAIRS)
def test_a_number_is_kept_for_at_least_half_of_the_units_and_else_never_used_again(
    two: tuple[list[int], list[int]],
) -> None:
    labels, previous = (np.array(part, dtype=np.int32) for part in two)
    before, after = members(previous), members(stable_numbers(labels, previous))
    for number, units in after.items():
        if number in before:
            assert 2 * len(units & before[number]) >= len(units | before[number])
    for number, units in before.items():  # above half there is but one match, and it is taken
        for other, later in after.items():
            if 2 * len(units & later) > len(units | later):
                assert other == number
    new = sorted(set(after) - set(before))
    unused = [number for number in range(20) if number not in before]
    assert new == unused[: len(new)]


def test_a_cluster_that_splits_leaves_its_number_to_the_larger_part() -> None:
    previous = np.array([4] * 10 + [0] * 5, dtype=np.int32)
    labels = np.array([0] * 3 + [1] * 7 + [2] * 5, dtype=np.int32)
    assert stable_numbers(labels, previous).tolist() == [1] * 3 + [4] * 7 + [0] * 5


def test_other_numbers_of_units_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        stable_numbers(np.zeros(2, np.int32), np.zeros(3, np.int32))


def test_numbers_follow_the_units_to_another_set() -> None:
    before = UnitSet.of_layers("mlp_act", [0, 1], 3)
    after = UnitSet.of_layers("mlp_act", [1, 2], 3)
    previous = np.array([5, 5, 5, 1, -1, 2], dtype=np.int32)
    assert carried_labels(after, before, previous).tolist() == [1, -1, 2, -1, -1, -1]


def test_units_of_another_site_are_other_units() -> None:
    before, after = UnitSet.of_layers("mlp_act", [0], 3), UnitSet.of_layers("resid_post", [0], 3)
    assert carried_labels(after, before, np.zeros(3, np.int32)).tolist() == [-1, -1, -1]
