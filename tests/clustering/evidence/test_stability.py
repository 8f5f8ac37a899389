import numpy as np
import numpy.typing as npt
import pytest

from llmri_clustering.build import BuildOptions
from llmri_clustering.building import ClusterRecipe
from llmri_clustering.evidence import half_samples, stability
from tests.clustering.planted import blocks

RECIPE = ClusterRecipe(BuildOptions(number=6))


def turns_of(turn: npt.NDArray[np.int32], rows: npt.NDArray[np.intp]) -> set[int]:
    return set(turn[rows].tolist())


def test_halves_are_of_whole_turns_where_there_are_ten() -> None:
    turn = np.repeat(np.arange(10), 7).astype(np.int32)
    for rows in half_samples(turn, 20, np.random.default_rng(0)):
        drawn = turns_of(turn, rows)
        assert len(drawn) == 5
        assert len(rows) == 5 * 7
        assert (np.diff(rows) > 0).all()


def test_halves_are_of_whole_stretches_where_there_are_fewer_turns() -> None:
    turn = np.zeros(200, dtype=np.int32)
    for rows in half_samples(turn, 20, np.random.default_rng(0)):
        assert len(rows) == 100
        assert len(set((rows // 10).tolist())) == 10


def test_halves_differ_and_repeat_with_the_seed() -> None:
    turn = np.repeat(np.arange(12), 4).astype(np.int32)
    first = [rows.tolist() for rows in half_samples(turn, 8, np.random.default_rng(3))]
    assert len({tuple(rows) for rows in first}) > 4
    assert first == [rows.tolist() for rows in half_samples(turn, 8, np.random.default_rng(3))]


@pytest.mark.parametrize("samples", [4, 5, 7, 19])
def test_every_half_of_a_few_samples_has_two(samples: int) -> None:
    rows = next(half_samples(np.zeros(samples, np.int32), 1, np.random.default_rng(0)))
    assert len(rows) >= 2


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 samples, not 3"):
        next(half_samples(np.zeros(3, np.int32), 1, np.random.default_rng(0)))


def test_planted_clusters_are_stable_and_drawn_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    values, planted = blocks(rng, 240, [20] * 6)
    turn = np.repeat(np.arange(24), 10).astype(np.int32)
    steady = stability(values, turn, planted, RECIPE, resamples=5, rng=rng)
    drawn = stability(values, turn, rng.permutation(planted), RECIPE, resamples=5, rng=rng)
    assert (steady > 0.95).all()
    assert (np.abs(drawn) < 0.1).all()
