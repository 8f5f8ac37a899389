"""Taking turns, and ratios of what took turns."""

from functools import partial

import pytest

from benchmarks.pairs import Spread, interleave, per_round, ratio, spread


def test_every_round_goes_there_and_back() -> None:
    order: list[str] = []
    interleave({name: partial(order.append, name) for name in "ABC"}, rounds=2)
    assert "".join(order) == "ABCCBAABCCBA"


def test_runs_are_kept_by_contestant_and_round() -> None:
    numbers = iter(range(8))
    runs = interleave({"A": lambda: next(numbers), "B": lambda: next(numbers)}, rounds=2)
    assert runs == {"A": [[0, 3], [4, 7]], "B": [[1, 2], [5, 6]]}


def test_progress_is_told_of_every_run() -> None:
    steps: list[None] = []
    interleave({"A": lambda: 0, "B": lambda: 0}, 3, lambda: steps.append(None))
    assert len(steps) == 3 * 2 * 2


def test_a_steady_drift_cancels() -> None:
    speed = iter(range(100, 200))
    rounds = per_round(interleave({name: lambda: next(speed) for name in "ABC"}, 5), float)
    assert ratio(rounds["A"], rounds["C"]).median == 1


def test_a_ratio_is_taken_inside_each_round() -> None:
    assert ratio([1.0, 20.0, 300.0], [2.0, 40.0, 600.0]) == Spread(0.5, 0.5, 0.5, 3)


def test_median_and_quartiles() -> None:
    assert spread([5, 1, 4, 2, 3]) == Spread(3, 2, 4, 5)


def test_one_round_is_its_own_median() -> None:
    assert spread([7]) == Spread(7, 7, 7, 1)


def test_no_rounds_have_no_median() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        spread([])


def test_rounds_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rounds cannot be paired with 3"):
        ratio([1, 2], [1, 2, 3])
