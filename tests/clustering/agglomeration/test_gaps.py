import pytest

from llmri_clustering.agglomeration.gaps import openings


@pytest.mark.parametrize(
    ("distances", "opened"),
    [
        ([1.0, 0.4], 1),
        ([1.0, 0.98, 0.97, 0.5, 0.49], 3),
        ([1.0, 0.5, 0.49, 0.48, 0.47], 1),
    ],
)
def test_merges_are_opened_down_to_the_largest_gap(distances: list[float], opened: int) -> None:
    assert openings(distances) == opened


def test_a_first_level_counts_though_the_gap_below_the_second_is_larger() -> None:
    first, second, noise = [1.0, 0.99], [0.85, 0.84, 0.83, 0.82], [0.4, 0.39, 0.38, 0.37]
    assert openings(first + second + noise) == 2


def test_a_gap_counts_by_the_share_of_its_distance() -> None:
    assert openings([1.0, 0.8, 0.4]) == 2
    assert openings([10.0, 8.0, 4.0]) == 2


def test_ties_are_no_gap() -> None:
    assert openings([0.5, 0.5, 0.5, 0.5]) == 1
    assert openings([0.0, 0.0]) == 1
    assert openings([1.0, 1.0, 1.0 - 1e-7, 1.0 - 1e-7, 0.3]) == 4
