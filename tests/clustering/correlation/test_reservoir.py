"""Every row of a stream is kept with the same probability."""

import numpy as np
import pytest
from scipy.stats import chisquare  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.correlation.reservoir import Reservoir

TRIALS = 4000


def stream(start: int, stop: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.arange(start, stop, dtype=np.float64)[:, None]


def test_all_is_kept_while_there_is_room() -> None:
    reservoir = Reservoir(10, 1)
    reservoir.add(stream(0, 4))
    reservoir.add(stream(4, 10))
    assert sorted(reservoir.rows[:, 0]) == list(range(10))


def test_every_row_has_the_same_chance() -> None:
    kept = np.zeros(20)
    for seed in range(TRIALS):
        reservoir = Reservoir(5, 1, seed)
        reservoir.add(stream(0, 3))
        reservoir.add(stream(3, 20))
        kept[reservoir.rows[:, 0].astype(int)] += 1
    assert kept.sum() == 5 * TRIALS
    assert chisquare(kept).pvalue > 1e-3


@pytest.mark.parametrize("split", [3, 12, 18])
def test_every_row_of_both_has_the_same_chance_after_a_merge(split: int) -> None:
    kept = np.zeros(24)
    for seed in range(TRIALS):
        one, two = Reservoir(5, 1, seed), Reservoir(5, 1, seed + TRIALS)
        one.add(stream(0, split))
        two.add(stream(split, 20))
        one.absorb(two)
        one.add(stream(20, 24))
        kept[one.rows[:, 0].astype(int)] += 1
    assert kept.sum() == 5 * TRIALS
    assert chisquare(kept).pvalue > 1e-3


def test_a_merge_that_has_room_keeps_all_and_is_repeatable() -> None:
    def merged(size: int) -> list[float]:
        one, two = Reservoir(size, 1, seed=1), Reservoir(size, 1, seed=2)
        one.add(stream(0, 30))
        two.add(stream(30, 50))
        one.absorb(two)
        return sorted(one.rows[:, 0])

    assert merged(50) == list(range(50))
    assert merged(7) == merged(7)
    assert len(set(merged(7))) == 7
