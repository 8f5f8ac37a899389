import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from llmri_server.experiments.statistics import bootstrap_mean, draws_interval, permutation_p, wilson


@given(st.integers(1, 400), st.data())
def test_the_interval_of_a_share_is_wilsons(asked: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, asked))
    interval = stats.binomtest(right, asked).proportion_ci(0.95, method="wilson")
    assert wilson(right, asked) == pytest.approx((interval.low, interval.high), abs=1e-12)


@given(st.integers(1, 400), st.data())
def test_the_ends_solve_wilsons_equation(asked: int, data: st.DataObject) -> None:
    """By hand: an end p lies 1.96 of its own standard errors, sqrt(p (1 - p) / n), from the share."""
    right = data.draw(st.integers(0, asked))
    share = right / asked
    for end in wilson(right, asked):
        distance = abs(end - share)
        if 1e-9 < end < 1 - 1e-9:
            assert distance == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / asked), rel=1e-5)


def test_the_interval_of_a_share_holds_it() -> None:
    assert wilson(0, 7)[0] == 0
    assert wilson(7, 7)[1] == 1


@pytest.mark.parametrize(("right", "asked"), [(1, 0), (3, 2), (-1, 5)])
def test_an_impossible_share_is_refused(right: int, asked: int) -> None:
    with pytest.raises(ValueError, match=f"{right} of {asked}"):
        wilson(right, asked)


def test_the_bootstrap_agrees_with_scipys() -> None:
    values = np.random.default_rng(1).exponential(size=60)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    ours = bootstrap_mean(tuple(values), seed=0, resamples=20000)
    width = theirs.high - theirs.low
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)


def test_the_bootstrap_repeats_with_its_seed() -> None:
    values = tuple(np.random.default_rng(1).normal(size=20))
    assert bootstrap_mean(values, 3, 500) == bootstrap_mean(values, 3, 500)
    assert bootstrap_mean(values, 3, 500) != bootstrap_mean(values, 4, 500)
    with pytest.raises(ValueError, match="at least 1"):
        bootstrap_mean((), 0, 10)


def test_the_interval_of_draws_leaves_out_a_fortieth_at_either_end() -> None:
    assert draws_interval([float(number) for number in range(201)]) == pytest.approx((5, 195))


def test_p_counts_the_chosen_set_itself() -> None:
    draws = [0.9] * 20
    assert permutation_p(0.0, draws, harm_is_low=True) == pytest.approx(1 / 21)
    assert permutation_p(0.9, draws, harm_is_low=True) == 1
    assert permutation_p(0.0, draws, harm_is_low=False) == 1


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(-5, 5))
def test_p_is_that_of_a_count_by_hand(draws: list[float], chosen: float) -> None:
    as_bad = sum(draw >= chosen for draw in draws)
    expected = (1 + as_bad) / (1 + len(draws))
    assert permutation_p(chosen, draws, harm_is_low=False) == pytest.approx(expected)
    mirrored = [-draw for draw in draws]
    assert permutation_p(-chosen, mirrored, harm_is_low=True) == pytest.approx(expected)
