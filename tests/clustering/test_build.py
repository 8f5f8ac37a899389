from dataclasses import replace

import numpy as np
import pytest

from llmri_clustering.build import BuildOptions, build
from llmri_clustering.clusters import Clustering, Measure, Method
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.evidence import rank_by_selectivity
from llmri_clustering.samples import Samples
from llmri_clustering.units import UnitSet
from tests.clustering.planted import Labels, blocks, in_turns

QUICK = BuildOptions(sizes=(6, 24), resamples=3, nulls=1)
SIZES = [22, 23, 24, 24]
WHEN = "2026-01-02T03:04:05Z"
UNITS = UnitSet.of_layers("mlp_act", [0, 1, 2], 44)


def planted(seed: int = 0, count: int = 240) -> tuple[Samples, Labels]:
    """132 units, 93 of them in blocks; block 0 fires in every third turn, those of mathematics."""
    values, labels = blocks(np.random.default_rng(seed), count, SIZES, alone=39, correlation=0.7)
    samples = in_turns(values, 24, ("mathematics", "stories", ""))
    values[np.ix_(samples.turn % 3 == 0, labels == 0)] *= 3
    return samples, labels


def built(samples: Samples, options: BuildOptions = QUICK, previous: Clustering | None = None) -> Clustering:
    return build(samples, UNITS, model="pocket", created=WHEN, options=options, previous=previous)


def same_units(found: Clustering, block: Labels) -> list[int]:
    """The number of the cluster that holds each planted block and little else."""
    numbers = []
    for units in (np.flatnonzero(block == number) for number in range(len(SIZES))):
        best = max(found.clusters, key=lambda one: len(np.intersect1d(found.members(one.number), units)))
        members = found.members(best.number)
        assert len(np.intersect1d(members, units)) >= 0.9 * len(np.union1d(members, units))
        numbers.append(best.number)
    return numbers


@pytest.fixture(scope="module")
def once() -> tuple[Samples, Labels, Clustering]:
    samples, block = planted()
    return samples, block, built(samples)


def test_planted_blocks_are_found_and_real(once: tuple[Samples, Labels, Clustering]) -> None:
    _, block, found = once
    for number in same_units(found, block):
        assert found.cluster(number).real
        assert found.cluster(number).evidence.stability > 0.8


def test_a_cluster_below_its_null_is_told(once: tuple[Samples, Labels, Clustering]) -> None:
    _, block, found = once
    chance = [cluster for cluster in found.clusters if cluster.number not in same_units(found, block)]
    for cluster in found.clusters:
        above = cluster.evidence.inside > cluster.null.inside
        assert cluster.real == (above and cluster.evidence.stability > cluster.null.stability)
    assert not any(cluster.real for cluster in chance)


def test_every_cluster_is_drawn_once_as_a_group_of_its_units(
    once: tuple[Samples, Labels, Clustering],
) -> None:
    _, _, found = once
    drawn = {number: group for group, number in enumerate(found.group_cluster.tolist()) if number >= 0}
    assert sorted(drawn) == [cluster.number for cluster in found.clusters]
    for number, group in drawn.items():
        inside = found.nesting.group.copy()
        while (inside > group).any():  # up to the group, from deeper ones
            inside = np.where(inside > group, found.nesting.parent[inside], inside)
        np.testing.assert_array_equal(np.flatnonzero(inside == group), found.members(number))


def test_the_clusters_of_a_skill_lead_its_ranking_and_its_tokens(
    once: tuple[Samples, Labels, Clustering],
) -> None:
    samples, block, found = once
    skilled = same_units(found, block)[0]
    assert rank_by_selectivity(found.clusters, "mathematics")[0].number == skilled
    cluster = found.cluster(skilled)
    assert all(samples.texts[label.turn].group == "mathematics" for label in cluster.tokens)
    assert all(turn % 3 == 0 for turn, _ in cluster.turns)
    assert all(label.text == f" t{label.turn}.{label.token}" for label in cluster.tokens)


def test_no_two_units_share_a_cell_and_none_is_lost(once: tuple[Samples, Labels, Clustering]) -> None:
    _, _, found = once
    rows, columns = found.placement.shape
    cells = found.placement.cells
    assert len(np.unique(cells, axis=0)) == len(UNITS)
    assert (cells >= 0).all()
    assert (cells < [rows, columns]).all()


def test_the_same_seed_gives_the_same_bits(once: tuple[Samples, Labels, Clustering]) -> None:
    samples, _, first = once
    second = built(samples)
    assert first.clusters == second.clusters
    np.testing.assert_array_equal(first.linkage, second.linkage)
    np.testing.assert_array_equal(first.placement.positions, second.placement.positions)


def test_an_identical_rebuild_keeps_every_number(once: tuple[Samples, Labels, Clustering]) -> None:
    samples, _, first = once
    renumbered = replace(first, labels=np.where(first.labels >= 0, 40 - first.labels, -1).astype(np.int32))
    second = built(samples, previous=renumbered)
    np.testing.assert_array_equal(second.labels, renumbered.labels)
    assert [cluster.number for cluster in second.clusters] == sorted(set(renumbered.labels.tolist()) - {-1})


def test_a_rebuild_from_other_samples_keeps_the_numbers_of_blocks(
    once: tuple[Samples, Labels, Clustering],
) -> None:
    samples, block, first = once
    values, drawn = blocks(np.random.default_rng(99), len(samples), SIZES, alone=39, correlation=0.7)
    moved = np.empty_like(values)
    moved[:, np.argsort(block, kind="stable")] = values[:, np.argsort(drawn, kind="stable")]
    second = built(replace(samples, values=moved), previous=first)
    assert same_units(second, block) == same_units(first, block)


def test_constant_units_are_told_apart_and_in_no_cluster() -> None:
    samples, _ = planted()
    samples.values[:, [3, 50]] = 0.1
    found = built(samples)
    assert np.flatnonzero(~found.active).tolist() == [3, 50]
    assert found.labels[[3, 50]].tolist() == [-1, -1]
    assert found.nesting.group[[3, 50]].tolist() == [-1, -1]
    assert len(found.linkage) == len(UNITS) - 3
    assert len(found.placement.cells) == len(UNITS)
    assert any("2 units were constant" in warning for warning in found.provenance.warnings)


def test_units_left_out_of_the_running_correlation_stay_out() -> None:
    samples, _ = planted()
    running = RunningCorrelation(len(UNITS), left_out=[7], skip_first=1)
    running.add(samples.values, positions=samples.token)
    running.add(np.full((5, len(UNITS)), 1000.0, np.float32), positions=np.zeros(5, np.int32))
    found = build(samples, UNITS, model="pocket", created=WHEN, options=QUICK, correlation=running)
    assert np.flatnonzero(~found.active).tolist() == [7]
    assert found.provenance.samples == len(samples)
    assert found.provenance.left_out[0] == "the first token of each sequence: 5 scans"
    assert not any("constant" in warning for warning in found.provenance.warnings)


def test_a_running_correlation_decides_the_tree_and_what_is_inside() -> None:
    samples, block = planted(count=240)
    running = RunningCorrelation(len(UNITS))
    running.add(samples.values)
    few = replace(samples, values=samples.values[:60], turn=samples.turn[:60], token=samples.token[:60])
    found = build(few, UNITS, model="pocket", created=WHEN, options=QUICK, correlation=running)
    whole = built(samples)
    np.testing.assert_allclose(found.linkage[:, 2], whole.linkage[:, 2], atol=1e-4)
    assert found.provenance.samples == 240
    for one, other in zip(same_units(found, block), same_units(whole, block), strict=True):
        inside = whole.cluster(other).evidence.inside
        assert found.cluster(one).evidence.inside == pytest.approx(inside, abs=1e-4)


@pytest.mark.parametrize("method", ["average", "complete", "ward"])
@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_every_method_and_measure_finds_the_blocks(method: Method, measure: Measure) -> None:
    samples, block = planted()
    options = replace(QUICK, method=method, measure=measure, resamples=1)
    found = built(samples, options)
    assert len(set(same_units(found, block))) == len(SIZES)
    assert (found.provenance.method, found.provenance.measure) == (method, measure)


def test_ranks_withstand_a_few_wild_samples_that_ruin_the_correlation() -> None:
    samples, block = planted()
    wild = np.random.default_rng(1).standard_normal((8, len(UNITS))) ** 3 * 1e4
    samples.values[::30] = wild
    same_units(built(samples, replace(QUICK, measure="spearman", resamples=1)), block)
    with pytest.raises(AssertionError):
        same_units(built(samples, replace(QUICK, resamples=1)), block)


def test_units_of_opposite_sign_belong_together_only_by_magnitude() -> None:
    samples, block = planted()
    samples.values[:, np.flatnonzero(block >= 0)[::2]] *= -1
    same_units(built(samples, replace(QUICK, distance="1 - |r|", resamples=1)), block)
    with pytest.raises(AssertionError):
        same_units(built(samples, replace(QUICK, resamples=1)), block)


def test_a_number_of_clusters_can_be_asked_for() -> None:
    samples, _ = planted()
    found = built(samples, BuildOptions(number=9, resamples=1, nulls=1))
    assert len(found.clusters) == 9
    assert (found.labels >= 0).all()


def test_a_cut_that_gives_no_cluster_or_a_single_one_is_a_clustering_too() -> None:
    samples, _ = planted()
    nothing = built(samples, BuildOptions(sizes=(90, 91), resamples=1, nulls=1))
    assert nothing.clusters == ()
    assert (nothing.labels == -1).all()
    whole = built(samples, BuildOptions(number=1, resamples=1, nulls=1))
    assert [cluster.units for cluster in whole.clusters] == [len(UNITS)]
    assert whole.group_cluster[0] == 0


def test_few_samples_and_few_turns_are_warned_of_with_the_reason() -> None:
    samples, _ = planted()
    few = Samples(samples.values[:100], samples.turn[:100], samples.token[:100], samples.texts)
    warnings = built(few).provenance.warnings
    assert any("100 samples, fewer than 200" in text and "under 0.20" in text for text in warnings)
    assert any("10 turns, fewer than 20" in text for text in warnings)


def test_enough_of_everything_is_not_warned_of(once: tuple[Samples, Labels, Clustering]) -> None:
    assert once[2].provenance.warnings == ()
    assert once[2].provenance.turns == 24


def test_a_group_of_one_turn_is_warned_of() -> None:
    samples, _ = planted()
    texts = {**samples.texts, 1: replace(samples.texts[1], group="chess")}
    found = built(replace(samples, texts=texts), replace(QUICK, resamples=1))
    assert any("a single turn: chess" in warning for warning in found.provenance.warnings)
    assert all("chess" not in cluster.selectivity for cluster in found.clusters)


def test_progress_is_told_up_to_the_end_of_every_step() -> None:
    samples, _ = planted()
    told: list[tuple[str, int, int]] = []
    build(
        samples,
        UNITS,
        model="pocket",
        created=WHEN,
        options=QUICK,
        progress=lambda step, done, of: told.append((step, done, of)),
    )
    steps = list(dict.fromkeys(step for step, _, _ in told))
    assert steps == ["linkage", "layout", "evidence"]
    for step in steps:
        done = [part for name, part, _ in told if name == step]
        of = {whole for name, _, whole in told if name == step}
        assert done == list(range(max(of) + 1))
        assert len(of) == 1


def without(samples: Samples, rows: int) -> Samples:
    return Samples(samples.values[:rows], samples.turn[:rows], samples.token[:rows], samples.texts)


def test_what_cannot_be_clustered_is_refused_in_a_sentence() -> None:
    samples, _ = planted()
    with pytest.raises(ValueError, match=r"shape \(240, 131\), expected \[samples, 132\]"):
        built(replace(samples, values=samples.values[:, 1:]))
    with pytest.raises(ValueError, match="240 samples come with 239 turns"):
        built(replace(samples, turn=samples.turn[1:]))
    with pytest.raises(ValueError, match="there are 3 samples, expected at least 4"):
        built(without(samples, 3))
    with pytest.raises(ValueError, match="1 of 132 units take part"):
        built(replace(samples, values=np.where(np.arange(132) == 5, samples.values, np.float32(0))))
    with pytest.raises(ValueError, match="sample 8 holds a value that is not finite"):
        built(replace(samples, values=np.where(np.arange(240)[:, None] == 8, np.nan, samples.values)))
    with pytest.raises(ValueError, match="of 5 units, expected 132"):
        build(samples, UNITS, model="pocket", created=WHEN, options=QUICK, correlation=RunningCorrelation(5))


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r'distance is "r", expected one of "1 - r", "1 - \|r\|"'):
        BuildOptions(distance="r")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="resamples is 0, expected at least 1"):
        BuildOptions(resamples=0)
    with pytest.raises(ValueError, match="two ways to cut"):
        BuildOptions(sizes=(3, 9), number=4)


def test_the_default_sizes_follow_the_units() -> None:
    assert BuildOptions().sizes_for(4096) == (8, 64)
    assert BuildOptions().sizes_for(5) == (5, 32)
    assert BuildOptions(sizes=(2, 3)).sizes_for(4096) == (2, 3)
