import hashlib
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.layout import drift, hebbian_layout, neighbour_overlap, trustworthiness

BLOCKS, SIZE = 12, 40


def blocks(seed: int = 0, samples: int = 200) -> npt.NDArray[np.float32]:
    """Units `[samples, 480]` of 12 blocks, one after the other."""
    rng = np.random.default_rng(seed)
    driven = np.repeat(rng.normal(size=(samples, BLOCKS)), SIZE, axis=1)
    return (driven + 0.5 * rng.normal(size=driven.shape)).astype(np.float32)


def test_units_that_fire_together_stand_together() -> None:
    positions = hebbian_layout(blocks()).astype(np.float64)
    centres = positions.reshape(BLOCKS, SIZE, 2).mean(axis=1)
    nearest = np.linalg.norm(positions[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == np.repeat(np.arange(BLOCKS), SIZE)).mean() > 0.99


def test_neighbours_are_kept_far_better_than_by_index_or_chance() -> None:
    samples = blocks()[:, np.random.default_rng(5).permutation(BLOCKS * SIZE)]
    positions = hebbian_layout(samples)
    by_index = np.stack(np.divmod(np.arange(samples.shape[1]), 22), axis=1)
    assert trustworthiness(samples, positions) > 0.95 > trustworthiness(samples, by_index) + 0.3
    assert neighbour_overlap(samples, positions) > 4 * neighbour_overlap(samples, by_index)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    samples = blocks()
    first = hebbian_layout(samples, seed=3)
    assert first.tobytes() == hebbian_layout(samples, seed=3).tobytes()
    assert first.tobytes() != hebbian_layout(samples, seed=4).tobytes()


@pytest.mark.parametrize("given_previous", [False, True])
def test_bits_repeat_in_another_process(given_previous: bool) -> None:
    program = f"""
import hashlib, numpy as np
from llmri_clustering.layout import hebbian_layout
samples = np.random.default_rng(0).normal(size=(300, 1500)).astype(np.float32)
places = hebbian_layout(samples)
if {given_previous}:
    places = hebbian_layout(samples[:250], previous=places)
print(hashlib.sha256(places.tobytes()).hexdigest())
"""
    digests = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in "12"
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2


def test_a_layout_that_is_learned_anew_covers_the_last_one() -> None:
    samples, fresh = blocks(), blocks(1)
    before = hebbian_layout(samples)
    samples[:10] = fresh[:10]
    after = hebbian_layout(samples, previous=before)
    moved = np.linalg.norm(after - before, axis=1)
    extent = np.linalg.norm(before - before.mean(axis=0), axis=1)
    assert drift(before, after) < 0.02
    assert np.median(moved) < 0.1 * np.median(extent)


def test_units_whose_samples_did_not_change_stay_where_they_are() -> None:
    samples = blocks()
    before = hebbian_layout(samples)
    moved = np.linalg.norm(hebbian_layout(samples, previous=before) - before, axis=1)
    assert moved.mean() < 0.01 * np.ptp(before, axis=0).max()


@pytest.mark.parametrize("seed", range(4))
def test_a_refit_from_nothing_finds_the_same_mixture_of_equal_components(seed: int) -> None:
    samples, fresh = blocks(seed), blocks(seed + 10)
    before = hebbian_layout(samples, seed=seed)
    samples[:10] = fresh[:10]
    assert drift(before, hebbian_layout(samples, seed=seed)) < 0.15


def test_a_turned_and_resized_last_layout_is_covered_too() -> None:
    samples = blocks()
    turned = 40 * hebbian_layout(samples) @ np.array([[0, 1], [1, 0]], np.float32) + np.float32(7)
    after = hebbian_layout(samples, previous=turned)
    np.testing.assert_allclose(after.mean(axis=0), turned.mean(axis=0), atol=0.5)
    np.testing.assert_allclose(after.std(), turned.std(), rtol=0.02)
    assert drift(turned, after) < 0.02


def test_relearning_again_and_again_does_not_shrink_the_picture() -> None:
    first = places = hebbian_layout(blocks())
    for seed in range(1, 5):
        places = hebbian_layout(blocks(seed), previous=places, seed=seed)
    np.testing.assert_allclose(places.std(), first.std(), rtol=0.01)


def test_constant_units_stand_together_beside_the_others() -> None:
    samples = blocks()
    constant = np.arange(0, samples.shape[1], 7)
    samples[:, constant] = 2.5
    positions = hebbian_layout(samples)
    others = np.delete(positions, constant, axis=0)
    assert np.isfinite(positions).all()
    assert positions[constant, 0].min() > others[:, 0].max()
    assert len(np.unique(positions[constant], axis=0)) == len(constant)


def test_identical_units_get_places_of_their_own() -> None:
    samples = np.repeat(np.random.default_rng(0).normal(size=(60, 5)), 20, axis=1)
    positions = hebbian_layout(samples)
    assert len(np.unique(positions, axis=0)) == 100


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(0, 20), st.booleans())
def test_few_units_and_few_samples_get_finite_places(samples: int, units: int, same: bool) -> None:
    values = np.random.default_rng(0).normal(size=(samples, units))
    if same and units:
        values[:] = values[:, :1]
    positions = hebbian_layout(values)
    assert positions.shape == (units, 2)
    assert positions.dtype == np.float32
    assert np.isfinite(positions).all()
    again = hebbian_layout(values, previous=positions)
    assert np.isfinite(again).all()


def test_samples_are_left_as_they_were() -> None:
    samples = blocks()
    kept = samples.copy()
    hebbian_layout(samples)
    assert np.array_equal(samples, kept)


def test_bad_input_is_refused_with_numbers() -> None:
    samples = blocks()
    with pytest.raises(ValueError, match=r"shape \(3, 2\), expected \(480, 2\)"):
        hebbian_layout(samples, previous=np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="960 of 960 previous coordinates are not finite"):
        hebbian_layout(samples, previous=np.full((480, 2), np.nan, np.float32))
    with pytest.raises(ValueError, match="0 neighbours asked for, expected at least 1"):
        hebbian_layout(samples, neighbours=0)
    samples[0, :3] = np.inf
    with pytest.raises(ValueError, match="3 of 96000 sampled values are not finite"):
        hebbian_layout(samples)
