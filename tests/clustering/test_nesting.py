import numpy as np
import pytest

from llmri_clustering.nesting import Nesting


def nesting(parent: list[int], group: list[int]) -> Nesting:
    return Nesting(
        np.array(parent, dtype=np.int32),
        np.array(group, dtype=np.int32),
        np.full(len(parent), -1, dtype=np.int32),
    )


def test_a_group_counts_the_units_of_the_groups_it_holds() -> None:
    two_levels = nesting([-1, 0, 0, 1], [3, 3, 1, 2, 0, -1])
    assert two_levels.sizes.tolist() == [5, 3, 1, 2]


def test_a_group_without_units_counts_none() -> None:
    assert nesting([-1, 0], [0]).sizes.tolist() == [1, 0]


@pytest.mark.parametrize("parent", [[], [0], [-1, -1], [-1, 2, 0], [-1, 1]])
def test_a_parent_that_does_not_come_first_is_refused(parent: list[int]) -> None:
    with pytest.raises(ValueError, match=r"root|parent"):
        nesting(parent, [])
