"""What kind of turn a cluster answers to: effect sizes with confidence intervals."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, nctdtrinc  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.clusters import Cluster, Effect
from llmri_clustering.evidence.activity import turn_means
from llmri_clustering.samples import TurnText

TAIL = 0.025  # on either side of a 95 % interval
STEEPEST_T = 300.0  # scipy searches for minutes at 1e6; the ends are proportional to t long before


def hedges_g(
    ones: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the effect size between two groups of observations, with its 95 % confidence interval.

    The size is the difference of the means over the pooled deviation, corrected for its upward bias in
    small samples (Hedges 1981, equation 6e). The interval inverts the noncentral t distribution (Steiger
    and Fouladi 1997): it is exact for normal observations of equal variance, also where groups are small.

    Args:
        ones: Observations, `[ones, variables]`, at least two.
        others: Observations they are held against, `[others, variables]`, at least two.

    Returns:
        Size, low end and high end, `[variables]` each; NaN where no observation differs from its group.

    Raises:
        ValueError: A group has fewer than two observations.
    """
    if min(len(ones), len(others)) < 2:  # noqa: PLR2004 - one observation has no spread
        raise ValueError(f"each group needs at least 2 observations, not {len(ones)} and {len(others)}")
    freedom = len(ones) + len(others) - 2
    squares = ones.var(axis=0) * len(ones) + others.var(axis=0) * len(others)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = (ones.mean(axis=0) - others.mean(axis=0)) / np.sqrt(squares / freedom)
    difference[~np.isfinite(difference)] = np.nan
    unbiased = np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    # t is the difference times this root; its noncentrality is the true difference times the same.
    root = np.sqrt(len(ones) * len(others) / (len(ones) + len(others)))
    t = difference * root
    beyond = np.maximum(np.abs(t) / STEEPEST_T, 1)
    low, high = (nctdtrinc(freedom, tail, t / beyond) * beyond / root for tail in (1 - TAIL, TAIL))
    return unbiased * difference, low, high


def compare_turns(
    ones: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> tuple[Effect | None, ...]:
    """Return the effect of each cluster between two sets of turns.

    The turn is the unit of analysis: tokens of one turn are much alike, and counting each of them would
    make the interval far too narrow. The turns may come from other samples, standardised by the same
    `Standard`.

    Args:
        ones: Mean activity in the turns of interest, `[turns, clusters]`, as `turn_means` gives it.
        others: The same in the turns they are held against, `[other turns, clusters]`.

    Returns:
        One effect a cluster; None where nothing can be said: a side has fewer than two turns, or all
        turns of each side agree to the last digit.
    """
    if min(len(ones), len(others)) < 2:  # noqa: PLR2004 - one turn has no spread
        return tuple(None for _ in range(ones.shape[1]))
    columns = zip(*hedges_g(ones, others), strict=True)
    return tuple(
        Effect(float(size), float(low), float(high)) if np.isfinite([size, low, high]).all() else None
        for size, low, high in columns
    )


def selectivity_by_group(
    activity: npt.NDArray[np.float64], turn: npt.NDArray[np.int32], texts: Mapping[int, TurnText]
) -> tuple[dict[str, Effect], ...]:
    """Return the effect of each cluster for each group of turns against all other turns.

    A turn without a group, or without a text, is among the others. A group is missing where
    `compare_turns` finds nothing to say.

    Args:
        activity: Mean |z|, `[samples, clusters]`.
        turn: The turn of each sample, `[samples]`.
        texts: The turns' groups.

    Returns:
        One mapping from group to effect a cluster.
    """
    turns, means = turn_means(activity, turn)
    groups = np.array([texts[number].group if number in texts else "" for number in turns.tolist()])
    effects: tuple[dict[str, Effect], ...] = tuple({} for _ in range(activity.shape[1]))
    for group in sorted(set(groups.tolist()) - {""}):
        inside = groups == group
        for known, effect in zip(effects, compare_turns(means[inside], means[~inside]), strict=True):
            if effect is not None:
                known[group] = effect
    return effects


def rank_by_selectivity(clusters: Iterable[Cluster], group: str) -> tuple[Cluster, ...]:
    """Rank clusters by how surely they fire more in a group of turns than in all others.

    The low end of the interval decides: a large effect from few turns may be chance. Clusters without an
    effect for the group are left out; of equal ends the lower number comes first.
    """
    known = [cluster for cluster in clusters if group in cluster.selectivity]
    return tuple(sorted(known, key=lambda cluster: (-cluster.selectivity[group].low, cluster.number)))
