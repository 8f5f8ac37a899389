"""Measurements side by side: contestants take turns, and only ratios inside one round are compared.

What is common to a round (the clock speed, a warm cache, a busy neighbour) cancels in the ratio, and a
steady drift cancels because every round runs forwards and then backwards: A B C, C B A.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

Runs = Mapping[str, Sequence[Sequence[T]]]  # what a contestant's runs gave, `[rounds][2]`
Rounds = Mapping[str, Sequence[float]]  # a contestant's figure in each round


@dataclass(frozen=True)
class Spread:
    """The median and the quartiles of some figures, one a round."""

    median: float
    lower: float
    upper: float
    rounds: int


def interleave(
    contestants: Mapping[str, Callable[[], T]],
    rounds: int,
    progress: Callable[[], None] = lambda: None,
) -> Runs[T]:
    """Let the contestants take turns, there and back in every round; give what each run gave.

    Args:
        contestants: What to run, by name.
        rounds: How often to go there and back.
        progress: Called after each single run.
    """
    order = list(contestants)
    runs: dict[str, list[list[T]]] = {name: [] for name in order}
    for _ in range(rounds):
        for name in order:
            runs[name].append([contestants[name]()])
            progress()
        for name in reversed(order):
            runs[name][-1].append(contestants[name]())
            progress()
    return runs


def per_round(runs: Runs[T], figure: Callable[[T], float]) -> Rounds:
    """Return each contestant's figure a round: the mean of its runs there and back."""
    return {
        name: [statistics.fmean(figure(run) for run in there_and_back) for there_and_back in rounds]
        for name, rounds in runs.items()
    }


def spread(figures: Sequence[float]) -> Spread:
    """Return the median and the quartiles.

    Raises:
        ValueError: There are no figures.
    """
    if not figures:
        raise ValueError("there are no rounds to take a median of, expected at least 1")
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0], 1)
    lower, median, upper = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(median, lower, upper, len(figures))


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Return the spread of `over / under`, round by round.

    Raises:
        ValueError: The rounds do not pair up.
    """
    if len(over) != len(under):
        raise ValueError(f"{len(over)} rounds cannot be paired with {len(under)}")
    return spread([above / below for above, below in zip(over, under, strict=True)])
