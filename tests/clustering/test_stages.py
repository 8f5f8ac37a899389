"""Clusters at once, then better: what each stage holds, and what a later build goes on with."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from llmri_clustering import (
    BuildOptions,
    ClusterFileError,
    Stage,
    load,
    load_evidence,
    save,
    save_evidence,
    stages,
)
from llmri_clustering.building import ClusterRecipe
from llmri_clustering.building.known import KnownEvidence
from llmri_clustering.clusters import Clustering
from llmri_clustering.evidence import PermutedSearch, null_of, quality_of_samples, stability
from llmri_clustering.samples import Samples
from llmri_clustering.sources import source_of
from llmri_clustering.units import UnitSet
from tests.clustering.planted import Values, blocks, in_turns

WHEN = "2026-01-02T03:04:05Z"
OPTIONS = BuildOptions(sizes=(6, 24), resamples=6, nulls=2)


def planted(seed: int = 0, count: int = 240) -> Samples:
    values, _ = blocks(np.random.default_rng(seed), count, [22, 23, 24, 24], alone=39, correlation=0.7)
    return in_turns(values, 24)


def of(samples: Samples, options: BuildOptions = OPTIONS, known: KnownEvidence | None = None) -> list[Stage]:
    units = UnitSet.of_layers("mlp_act", [0], samples.values.shape[1])
    return list(stages(samples, units, model="m", created=WHEN, options=options, known=known))


def drawn(clustering: Clustering) -> tuple[bytes, ...]:
    nesting = clustering.nesting
    arrays = clustering.linkage, clustering.labels, nesting.parent, nesting.group, clustering.group_cluster
    return tuple(array.tobytes() for array in arrays)


def test_the_first_stage_has_the_tree_and_its_circles_and_nothing_of_them_moves_later() -> None:
    first, *later = of(planted())
    assert (first.laid_out, first.halves, first.null, first.done) == (False, 0, False, False)
    assert len(first.clustering.clusters) > 3
    assert not any(cluster.judged or cluster.real for cluster in first.clustering.clusters)
    assert all(cluster.evidence.inside > 0 for cluster in first.clustering.clusters)
    assert {drawn(stage.clustering) for stage in later} == {drawn(first.clustering)}


def test_evidence_comes_round_by_round_with_its_count_of_halves() -> None:
    found = of(planted())[1:]
    assert all(stage.laid_out for stage in found)
    halves = [stage.halves for stage in found]
    assert halves == sorted(halves)
    assert set(halves) == set(range(halves[-1] + 1))
    assert [stage.done for stage in found] == [False] * (len(found) - 1) + [True]
    for stage in found:
        assert stage.clustering.provenance.halves == stage.halves
        judged = {cluster.judged for cluster in stage.clustering.clusters}
        assert judged == {stage.null and stage.halves > 0}
    assert sum(cluster.real for cluster in found[-1].clustering.clusters) >= 4


def test_clear_verdicts_need_few_halves_and_unclear_ones_as_many_as_may_be() -> None:
    values, _ = blocks(np.random.default_rng(3), 300, [30] * 6, correlation=0.9)
    clear = of(in_turns(values, 30), replace(OPTIONS, sizes=(8, 40)))[-1]
    assert clear.halves == 2
    values, _ = blocks(np.random.default_rng(4), 40, [12] * 8, correlation=0.25)
    assert of(in_turns(values, 20))[-1].halves == OPTIONS.resamples


def test_what_is_stopped_early_is_a_clustering_that_can_be_kept(tmp_path: Path) -> None:
    for number, stage in enumerate(of(planted())):
        save(tmp_path / str(number), stage.clustering)
        kept = load(tmp_path / str(number))
        assert [one.judged for one in kept.clusters] == [one.judged for one in stage.clustering.clusters]
        assert kept.provenance == stage.clustering.provenance
        np.testing.assert_equal(
            [one.evidence.stability for one in kept.clusters],
            [one.evidence.stability for one in stage.clustering.clusters],
        )


class Counting(ClusterRecipe):
    followed = 0

    def labels(self, *args: object) -> npt.NDArray[np.int32]:
        Counting.followed += 1
        return super().labels(*args)  # type: ignore[arg-type]


def test_a_build_goes_on_where_an_earlier_one_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["llmri_clustering.build"], "ClusterRecipe", Counting)
    samples = planted()
    Counting.followed = 0
    whole = of(samples)
    searches = Counting.followed
    stopped = next(stage for stage in whole if stage.null)
    Counting.followed = 0
    again = of(samples, known=stopped.evidence)
    assert Counting.followed == searches - 1 - len(stopped.evidence.permutations) * 2
    assert again[-1].clustering.clusters == whole[-1].clustering.clusters
    Counting.followed = 0
    assert of(samples, known=whole[-1].evidence)[-1].clustering.clusters == whole[-1].clustering.clusters
    assert Counting.followed == 1  # the tree alone


def test_of_other_samples_only_the_null_holds_still_and_of_other_options_nothing() -> None:
    known = of(planted())[-1].evidence
    first = of(planted(seed=1), known=known)[0].evidence
    assert len(first.agreement) == 0
    assert first.permutations == known.permutations
    fewer = of(planted(count=120), known=known)[0].evidence
    assert fewer.permutations == ()
    other = of(planted(), replace(OPTIONS, sizes=(5, 24)), known)[0].evidence
    assert (len(other.agreement), other.permutations) == (0, ())


def families(seed: int, shared: float) -> Values:
    """Units in blocks, blocks in families, half of the units with next to nothing in common; with noise."""
    random = np.random.default_rng(seed)
    block = random.integers(12, size=500)
    share = np.where(random.random(500) < 0.5, 0.05, shared).astype(np.float32)
    of_block = random.standard_normal((320, 12), dtype=np.float32)[:, block]
    of_family = random.standard_normal((320, 4), dtype=np.float32)[:, block % 4]
    noise = random.standard_normal((320, 500), dtype=np.float32)
    return noise + share * (np.float32(0.8) * of_block + np.float32(0.6) * of_family)


@pytest.mark.parametrize("shared", [0.5, 1.0, 1.6])
def test_the_verdicts_are_those_of_eight_halves_and_of_two_permutations_with_eight_each(
    shared: float,
) -> None:
    samples = in_turns(families(5, shared), 32)
    options = BuildOptions()
    found = of(samples, options)[-1].clustering
    source, recipe = source_of(samples.values), ClusterRecipe(options)
    rng = np.random.default_rng(9)
    null = null_of(
        [
            PermutedSearch(source, samples.turn, recipe, resamples=8, rng=rng).found(8)
            for _ in range(options.nulls)
        ],
        8,
    ).at_sizes(np.array([cluster.units for cluster in found.clusters]))
    steady = stability(source, samples.turn, found.labels, recipe, resamples=8, rng=rng)
    inside = quality_of_samples(source, found.labels).inside
    thorough = (inside > null[:, 0]) & (steady > null[:, 2])
    assert len(found.clusters) > 15
    assert np.mean(thorough == [cluster.real for cluster in found.clusters]) >= 0.95


def test_evidence_is_kept_in_a_file_for_a_later_process(tmp_path: Path) -> None:
    known = of(planted())[-1].evidence
    save_evidence(tmp_path / "evidence", known)
    again = load_evidence(tmp_path / "evidence")
    assert (
        of(planted(), known=again)[-1].clustering.clusters
        == of(planted(), known=known)[-1].clustering.clusters
    )
    assert of(planted(), known=again)[0].evidence.agreement.shape == known.agreement.shape
    (tmp_path / "evidence").write_bytes((tmp_path / "evidence").read_bytes()[:-9])
    with pytest.raises(ClusterFileError, match="holds no evidence"):
        load_evidence(tmp_path / "evidence")
    with pytest.raises(ClusterFileError, match="cannot be read: "):
        load_evidence(tmp_path / "none")
