import numpy as np
import pytest

from llmri_clustering.build import BuildOptions
from llmri_clustering.building import ClusterRecipe, Findings
from llmri_clustering.clusters import Cluster, Distance
from llmri_clustering.evidence import Null, shifted
from tests.clustering.planted import Values, blocks, in_turns, noise


def clusters_of(values: Values, options: BuildOptions, turns: int = 20) -> tuple[Cluster, ...]:
    recipe = ClusterRecipe(options)
    labels = recipe(values)
    samples = in_turns(values, turns)
    found = Findings.of(measured=values, turn=samples.turn, labels=labels, recipe=recipe, options=options)
    return found.clusters(samples, labels, options)


@pytest.mark.parametrize("distance", ["1 - r", "1 - |r|"])
@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_at_most_a_tenth_of_what_is_found_in_noise_is_called_real(memory: float, distance: Distance) -> None:
    verdicts = [
        cluster.real
        for seed in range(6)
        for cluster in clusters_of(
            noise(np.random.default_rng(seed), 200, 200, memory=memory),
            BuildOptions(sizes=(4, 25), resamples=4, nulls=2, seed=seed, distance=distance),
        )
    ]
    assert len(verdicts) > 60
    assert np.mean(verdicts) <= 0.1


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_planted_clusters_are_real(memory: float) -> None:
    values, planted = blocks(
        np.random.default_rng(5), 400, [12, 16, 20, 24], alone=60, correlation=0.6, memory=memory
    )
    options = BuildOptions(sizes=(6, 30), resamples=4, nulls=3)
    labels = ClusterRecipe(options)(values)
    found = {cluster.number: cluster for cluster in clusters_of(values, options)}
    for block in range(4):
        number = int(np.bincount(labels[planted == block] + 1).argmax()) - 1
        assert found[number].real


def test_a_free_shuffle_would_call_slow_noise_real() -> None:
    slow = noise(np.random.default_rng(7), 200, 200, memory=0.95)
    rng = np.random.default_rng(0)
    shuffled = np.abs(np.corrcoef(rng.permuted(slow, axis=0), rowvar=False))
    turned = np.abs(np.corrcoef(shifted(slow, rng), rowvar=False))
    as_it_is = np.abs(np.corrcoef(slow, rowvar=False))
    assert as_it_is.mean() > 2 * shuffled.mean()
    assert turned.mean() == pytest.approx(as_it_is.mean(), rel=0.1)


def test_a_shift_keeps_each_units_samples_and_their_order_around_the_circle() -> None:
    values = noise(np.random.default_rng(8), 50, 30)
    turned = shifted(values, np.random.default_rng(9))
    starts = set()
    for unit in range(30):
        start = int(np.flatnonzero(values[:, unit] == turned[0, unit])[0])
        starts.add(start)
        np.testing.assert_array_equal(turned[:, unit], np.roll(values[:, unit], -start))
    assert len(starts) > 10


def test_a_cluster_is_held_against_null_clusters_of_about_its_size() -> None:
    sizes = np.repeat([4, 400], 60)
    inside = np.concatenate([np.linspace(0.4, 0.5, 60), np.linspace(0.01, 0.02, 60)])
    null = Null(sizes, inside, inside / 2, inside / 4)
    assert null.at(5)[0] == pytest.approx(np.percentile(inside[:50], 95))
    large = np.percentile(inside[60:110], 95)
    assert null.at(300) == pytest.approx((large, large / 2, large / 4))


def test_where_noise_gives_no_cluster_the_null_is_0() -> None:
    assert Null(np.zeros(0, np.intp), np.zeros(0), np.zeros(0), np.zeros(0)).at(9) == (0, 0, 0)
