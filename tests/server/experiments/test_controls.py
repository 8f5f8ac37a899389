import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_server.experiments.controls import TOLERANCE, equal_norm, equal_number, norm
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.selectivity import Mask

LAYERS, WIDTH = 4, 200
seeds = st.integers(0, 2**32 - 1)


def marked(rng: np.random.Generator, share: float) -> Mask:
    chosen = rng.random((LAYERS, WIDTH)) < share
    chosen[1, 0] = True
    return chosen


@given(seeds, st.floats(0.02, 0.5), st.booleans())
def test_random_sets_have_the_chosen_ones_number(seed: int, share: float, by_layer: bool) -> None:
    rng = np.random.default_rng(seed)
    chosen, pool = marked(rng, share), np.ones((LAYERS, WIDTH), dtype=np.bool_)
    drawn = equal_number(chosen, pool, rng, by_layer=by_layer)
    assert drawn.sum() == chosen.sum()
    if by_layer:
        assert drawn.sum(axis=1).tolist() == chosen.sum(axis=1).tolist()


@given(seeds, st.floats(0.05, 0.5), st.booleans())
def test_matched_sets_have_the_chosen_ones_norm(seed: int, share: float, by_layer: bool) -> None:
    rng = np.random.default_rng(seed)
    # Heavy tails, as activations have: a few units hold much of the norm.
    squares = rng.lognormal(0, 1.2, (LAYERS, WIDTH))
    chosen, pool = marked(rng, share), np.ones((LAYERS, WIDTH), dtype=np.bool_)
    chosen[:, :20] = True
    drawn = equal_norm(chosen, pool, squares, rng, by_layer=by_layer)
    rows = range(LAYERS) if by_layer else (slice(None),)
    for row in rows:
        wanted, found = squares[row][chosen[row]].sum(), squares[row][drawn[row]].sum()
        assert abs(found - wanted) <= 1.0001 * TOLERANCE * wanted


def test_draws_stay_in_the_pool_and_repeat_with_the_seed() -> None:
    pool = np.zeros((LAYERS, WIDTH), dtype=np.bool_)
    pool[2] = True
    chosen = np.zeros_like(pool)
    chosen[2, :50] = True
    squares = np.random.default_rng(0).lognormal(0, 1, (LAYERS, WIDTH))
    for norms in (False, True):

        def draw(seed: int, norms: bool = norms) -> Mask:
            rng = np.random.default_rng(seed)
            return equal_norm(chosen, pool, squares, rng) if norms else equal_number(chosen, pool, rng)

        assert not draw(0)[~pool].any()
        assert (draw(0) == draw(0)).all()
        assert (draw(0) != draw(1)).any()


def test_every_unit_is_as_likely() -> None:
    rng = np.random.default_rng(0)
    chosen, pool = np.zeros((1, 10), dtype=np.bool_), np.ones((1, 10), dtype=np.bool_)
    chosen[0, :5] = True
    times = sum(equal_number(chosen, pool, rng)[0].astype(int) for _ in range(2000))
    assert np.abs(times / 2000 - 0.5).max() < 0.05


def test_a_norm_that_no_draw_has_is_told() -> None:
    squares = np.array([[1.0, 1.0, 1.0, 100.0, 100.0]])
    chosen = np.array([[True, False, False, True, False]])
    pool = np.array([[True, True, True, False, False]])
    with pytest.raises(ExperimentError, match=r"controls\.matched = 0"):
        equal_norm(chosen, pool, squares, np.random.default_rng(0))


def test_the_norm_is_that_of_all_its_units_together() -> None:
    squares = np.array([[9.0, 16.0, 1.0]])
    assert norm(np.array([[True, True, False]]), squares) == 5
