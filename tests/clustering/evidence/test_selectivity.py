from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.clusters import Cluster, Effect, Evidence
from llmri_clustering.evidence import (
    Standard,
    activity,
    compare_turns,
    hedges_g,
    rank_by_selectivity,
    selectivity_by_group,
    turn_means,
)
from llmri_clustering.samples import TurnText
from tests.clustering.planted import noise


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), ones=st.integers(2, 20), others=st.integers(2, 40), shift=st.floats(-20, 20)
)
def test_the_size_is_hedges_correction_of_the_t_statistic(
    seed: int, ones: int, others: int, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(ones, 1)) + shift, rng.normal(size=(others, 1))
    t = stats.ttest_ind(one[:, 0], other[:, 0]).statistic
    cohens_d = t * np.sqrt(1 / ones + 1 / others)
    size, low, high = (float(part[0]) for part in hedges_g(one, other))
    # The usual approximation of the correction (Hedges 1981, equation 6f) is good to about 2 %.
    assert size == pytest.approx(cohens_d * (1 - 3 / (4 * (ones + others - 2) - 1)), rel=0.03)
    assert low < size < high


def test_the_size_of_a_worked_example() -> None:
    # Cohen's d is 1; with 4 degrees of freedom the exact correction is gamma(2) / (sqrt(2) gamma(1.5)).
    size, _, _ = hedges_g(np.array([[1.0], [2.0], [3.0]]), np.array([[0.0], [1.0], [2.0]]))
    assert size[0] == pytest.approx(1 / (np.sqrt(2) * 0.886226925), rel=1e-8)


@pytest.mark.parametrize(
    ("ones", "others", "true"), [(2, 6, 1.0), (4, 12, 0.0), (5, 5, 6.0), (8, 40, 0.8), (3, 60, 2.5)]
)
def test_the_interval_holds_the_true_effect_19_times_in_20(ones: int, others: int, true: float) -> None:
    rng = np.random.default_rng(0)
    trials = 4000
    _, low, high = hedges_g(rng.normal(true, 1, size=(ones, trials)), rng.normal(size=(others, trials)))
    below, above = np.mean(true < low), np.mean(true > high)
    assert below == pytest.approx(0.025, abs=0.01)
    assert above == pytest.approx(0.025, abs=0.01)


def test_the_interval_excludes_0_just_where_the_t_test_does() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0.8, 1, size=(6, 500)), rng.normal(size=(9, 500))
    _, low, high = hedges_g(one, other)
    differs = stats.ttest_ind(one, other).pvalue < 0.05
    np.testing.assert_array_equal((low > 0) | (high < 0), differs)
    assert 50 < differs.sum() < 450


def test_swapping_the_groups_turns_the_sign() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(5, 20)), rng.normal(size=(7, 20))
    size, low, high = hedges_g(one, other)
    turned, turned_low, turned_high = hedges_g(other, one)
    np.testing.assert_allclose(turned, -size)
    np.testing.assert_allclose(turned_low, -high, atol=1e-4)
    np.testing.assert_allclose(turned_high, -low, atol=1e-4)


@pytest.mark.parametrize("times", [1e-3, 1e-6, 1e-12])
def test_an_overwhelming_effect_keeps_a_finite_interval_around_it(times: float) -> None:
    one = 1 + times * np.array([[0.0], [1.0], [2.0]])
    size, low, high = hedges_g(one, times * np.array([[0.0], [1.0], [2.0]]))
    assert np.isfinite([size, low, high]).all()
    assert low[0] < size[0] < high[0]
    assert high[0] / low[0] == pytest.approx(5.0, rel=0.2)


def test_one_observation_is_no_group() -> None:
    with pytest.raises(ValueError, match="at least 2 observations, not 1 and 5"):
        hedges_g(np.ones((1, 1)), np.ones((5, 1)))


def test_nothing_is_said_of_one_turn_or_of_turns_that_do_not_differ() -> None:
    assert compare_turns(np.ones((1, 2)), np.ones((5, 2))) == (None, None)
    same, differing = np.zeros((3, 1)), np.array([[0.0], [1.0], [2.0]])
    (without, with_spread) = compare_turns(
        np.concatenate([same, differing], axis=1), np.concatenate([same, differing], axis=1)
    )
    assert without is None
    assert with_spread is not None
    assert with_spread.size == 0


def planted_activity() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32], dict[int, TurnText]]:
    """The first cluster fires in turns of mathematics, the second in none; turns of unequal length."""
    rng = np.random.default_rng(3)
    turn = np.repeat(np.arange(30), 5 + np.arange(30) % 7).astype(np.int32)
    firing = rng.uniform(0.5, 1.5, size=(len(turn), 2))
    firing[turn % 3 == 0, 0] += 1
    groups = ("mathematics", "stories", "")
    texts = {number: TurnText((), groups[number % 3]) for number in range(30)}
    return firing, turn, texts


def test_each_group_of_turns_is_held_against_all_others() -> None:
    first, second = selectivity_by_group(*planted_activity())
    assert set(first) == set(second) == {"mathematics", "stories"}
    assert first["mathematics"].low > 2
    assert first["stories"].high < 0
    assert second["mathematics"].low < 0 < second["mathematics"].high


def test_the_turn_is_the_unit_so_that_repeating_its_tokens_adds_no_confidence() -> None:
    firing, turn, texts = planted_activity()
    once = selectivity_by_group(firing, turn, texts)
    often = selectivity_by_group(np.repeat(firing, 9, axis=0), np.repeat(turn, 9), texts)
    for before, after in zip(once, often, strict=True):
        for group in before:
            assert (after[group].low, after[group].high) == pytest.approx(
                (before[group].low, before[group].high)
            )


def test_a_cluster_can_be_held_against_turns_of_other_samples_on_the_same_scale() -> None:
    labels = np.repeat([0, 1], 10).astype(np.int32)
    here = noise(np.random.default_rng(4), 120, 20)
    there = noise(np.random.default_rng(5), 80, 20)
    there[:, :10] *= 3
    standard = Standard.of(here)
    _, ones = turn_means(activity(standard.z(there), labels), np.repeat(np.arange(8), 10).astype(np.int32))
    _, others = turn_means(activity(standard.z(here), labels), np.repeat(np.arange(12), 10).astype(np.int32))
    first, second = compare_turns(ones, others)
    assert first is not None
    assert second is not None
    assert first.low > 2
    assert second.low < 0 < second.high


def test_a_group_of_one_turn_is_left_out() -> None:
    firing, turn, texts = planted_activity()
    texts[0] = TurnText((), "alone")
    assert all(
        set(effects) == {"mathematics", "stories"} for effects in selectivity_by_group(firing, turn, texts)
    )


def cluster(number: int, effects: dict[str, Effect]) -> Cluster:
    nothing = Evidence(0, 0, 0)
    return Cluster(number, 5, nothing, nothing, real=False, selectivity=MappingProxyType(effects))


def test_clusters_rank_by_what_is_certain_of_their_effect() -> None:
    ranked = rank_by_selectivity(
        [
            cluster(0, {"mathematics": Effect(5, -1, 11)}),
            cluster(1, {"mathematics": Effect(2, 1.5, 2.5)}),
            cluster(2, {"stories": Effect(9, 8, 10)}),
            cluster(3, {"mathematics": Effect(1, 0.5, 1.5)}),
        ],
        "mathematics",
    )
    assert [found.number for found in ranked] == [1, 3, 0]
