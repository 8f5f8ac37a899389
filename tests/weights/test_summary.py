"""Block statistics, pyramids, tiles, and the file that keeps a summary."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from llmri_weights import kernels
from llmri_weights.arrays import Values
from llmri_weights.checkpoint import open_checkpoint
from llmri_weights.decoding.bfloat16 import from_bfloat16, to_bfloat16
from llmri_weights.errors import WeightsError
from llmri_weights.kernels import block_sums, by_numpy
from llmri_weights.pyramid import Level, coarser, level_of
from llmri_weights.summary import Summary
from llmri_weights.tiles import TensorTiles, Truth
from tests.weights.making import arrays, weight, write_safetensors

random = np.random.default_rng(5)


def brute(values: Values, side: int) -> Level:
    """Return the statistics of blocks, one block at a time."""
    shape = tuple(-(-length // side) for length in values.shape)
    mean, rms, absmax, bad = (np.zeros(shape) for _ in range(4))
    for row, column in np.ndindex(*shape):
        block = values[row * side : (row + 1) * side, column * side : (column + 1) * side].astype(np.float64)
        kept = block[np.isfinite(block)]
        bad[row, column] = block.size - kept.size
        mean[row, column] = kept.mean() if kept.size else np.nan
        rms[row, column] = np.sqrt((kept**2).mean()) if kept.size else np.nan
        absmax[row, column] = np.abs(kept).max() if kept.size else 0
    return Level(mean, rms, absmax, bad)


def odd_values(rows: int = 150, columns: int = 211) -> Values:
    values = random.standard_normal((rows, columns)).astype(np.float32)
    values[3, 5], values[40, 70], values[41, 70] = np.nan, np.inf, -np.inf
    values[64:96, 32:64] = np.nan
    values[0, 200] = 1e25
    values[96:128, 0:32] *= np.float32(1e-30)
    return values


def check(found: Level, expected: Level, **tolerance: Any) -> None:
    for name in ("mean", "rms", "absmax", "nonfinite"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), err_msg=name, **tolerance)


@pytest.mark.parametrize("how", [partial(block_sums, wait=True), by_numpy])
def test_blocks_are_what_one_block_at_a_time_gives(how: Any) -> None:
    values = odd_values()
    check(level_of(how(values), values.shape), brute(values, 32), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("side", [2, 8, 32])
@pytest.mark.parametrize("how", [partial(block_sums, wait=True), by_numpy])
def test_bfloat16_is_summed_as_the_numbers_it_stands_for(how: Any, side: int) -> None:
    patterns = to_bfloat16(odd_values())
    check(
        level_of(how(patterns, side), patterns.shape, side),
        brute(from_bfloat16(patterns), side),
        rtol=2e-6,
        atol=1e-7,
    )


def test_nothing_waits_for_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_COMPILED", kernels._Compiled())
    started: list[bool] = []
    monkeypatch.setattr(kernels._Compiled, "load", lambda _self: started.append(True))
    values = odd_values()
    check(level_of(block_sums(values), values.shape), brute(values, 32), rtol=1e-9, atol=1e-12)


def test_coarser_levels_are_exact() -> None:
    values = odd_values()
    level, side = level_of(by_numpy(values), values.shape), 32
    while max(level.mean.shape) > 1:
        level, side = coarser(level, values.shape, side), side * 2
        check(level, brute(values, side), rtol=1e-9, atol=1e-12)
    assert side == 256


def test_bfloat16_is_torchs_and_a_magnitude_is_never_made_less() -> None:
    import torch  # noqa: PLC0415  slow to import

    values = np.concatenate([odd_values().ravel(), [0, -0.0, 3.4e38, -3.4e38, 1e-45]]).astype(np.float32)
    expected = torch.from_numpy(values).bfloat16().float().numpy()
    np.testing.assert_array_equal(from_bfloat16(to_bfloat16(values)), expected)
    magnitudes = np.abs(values[np.isfinite(values)])
    up = from_bfloat16(to_bfloat16(magnitudes, up=True))
    assert (up >= magnitudes).all()
    assert (up[magnitudes == 0] == 0).all()
    assert (up[magnitudes < 3e38] <= magnitudes[magnitudes < 3e38] * 1.008 + 1e-40).all()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tensors = arrays(
        a=odd_values(), b=random.standard_normal((70, 33)).astype(np.float32), v=np.ones(100, np.float32)
    )
    return write_safetensors(tmp_path / "model.safetensors", tensors)


def test_a_summary_is_a_safetensors_file_and_says_what_the_values_say(model: Path, tmp_path: Path) -> None:
    with open_checkpoint(str(model)) as checkpoint:
        summary = Summary(checkpoint, tmp_path / "cache")
        assert summary.level("a") is None
        assert summary.build() == ()
        matrix = weight(checkpoint, "a").matrix()
        values = matrix.window(0, matrix.rows, 0, matrix.columns)
        found = summary.level("a")
        assert found is not None
        check(found, brute(values, 32), rtol=0.008, atol=1e-7)
        with safe_open(summary.path, framework="np") as file:
            assert set(file.keys()) == {
                f"{n}/5/{k}" for n in "abv" for k in ("mean", "rms", "absmax", "nonfinite")
            } | {"done"}
            np.testing.assert_array_equal(file.get_tensor("a/5/nonfinite"), brute(values, 32).nonfinite)
            assert file.get_tensor("done").tolist() == [1, 1, 1]


def test_what_was_finished_stays_and_the_rest_is_made_later(model: Path, tmp_path: Path) -> None:
    done: list[str] = []
    with open_checkpoint(str(model)) as checkpoint:
        summary = Summary(checkpoint, tmp_path / "cache")
        summary.build(["b"], on_tensor=lambda found: done.append(found.name), stopped=lambda: len(done) == 1)
        assert done == ["b"]
        again = Summary(checkpoint, tmp_path / "cache")
        assert [again.done(name) for name in "abv"] == [False, True, False]
        before = again.level("b")
        again.build()
        assert all(again.done(name) for name in "abv")
        after = again.level("b")
        assert before is not None
        assert after is not None
        np.testing.assert_array_equal(before.mean, after.mean)


def test_another_file_has_another_summary(model: Path, tmp_path: Path) -> None:
    with open_checkpoint(str(model)) as checkpoint:
        Summary(checkpoint, tmp_path / "cache").build()
    os.utime(model, (1, 1))
    with open_checkpoint(str(model)) as checkpoint:
        assert not Summary(checkpoint, tmp_path / "cache").done("a")


def test_a_file_that_shrinks_in_the_middle_is_a_sentence_and_the_rest_is_made(
    model: Path, tmp_path: Path
) -> None:
    with open_checkpoint(str(model)) as checkpoint:
        summary = Summary(checkpoint, tmp_path / "cache")
        summary.build(
            on_tensor=lambda _found: (
                os.truncate(model, model.stat().st_size - 4) if model.stat().st_size > 5000 else None
            )
        )
        assert summary.done("a")
        problems = summary.build()
        assert problems
        assert "has changed since it was opened" in problems[0]


def test_a_damaged_summary_is_made_anew(model: Path, tmp_path: Path) -> None:
    with open_checkpoint(str(model)) as checkpoint:
        summary = Summary(checkpoint, tmp_path / "cache")
        summary.build()
        os.truncate(summary.path, 100)
        with pytest.raises(WeightsError, match="was cut short"):
            summary.level("a")
        assert not Summary(checkpoint, tmp_path / "cache").done("a")


def test_a_folder_that_cannot_be_written_is_a_sentence(model: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with open_checkpoint(str(model)) as checkpoint, pytest.raises(WeightsError, match="can't be made"):
        Summary(checkpoint, tmp_path / "cache")


@pytest.mark.parametrize("level", range(5))
def test_near_tiles_are_exact_from_the_file(model: Path, level: int) -> None:
    with open_checkpoint(str(model)) as checkpoint:
        matrix = weight(checkpoint, "a").matrix()
        values = matrix.window(0, matrix.rows, 0, matrix.columns)
        whole = brute(values, 1 << level)
        tile = TensorTiles(matrix).tile(level, 0, 1, side=4)
    assert tile.truth is Truth.EXACT
    if level == 0:
        np.testing.assert_array_equal(tile.level.mean, values[:4, 4:8])
        assert tile.level.nonfinite[3, 1] == 1
    else:
        part = Level(*(getattr(whole, name)[:4, 4:8] for name in ("mean", "rms", "absmax", "nonfinite")))
        check(tile.level, part, rtol=1e-5, atol=1e-7)


def test_far_tiles_are_an_estimate_until_the_summary_is_there(model: Path, tmp_path: Path) -> None:
    with open_checkpoint(str(model)) as checkpoint:
        matrix = weight(checkpoint, "a").matrix()
        summary = Summary(checkpoint, tmp_path / "cache")
        tiles = TensorTiles(matrix, lambda: summary.level("a"))
        assert tiles.coarsest == 8
        estimate = tiles.tile(5, 0, 0)
        assert estimate.truth is Truth.ESTIMATE
        assert estimate.level.mean.shape == (5, 7)
        summary.build()
        values = matrix.window(0, matrix.rows, 0, matrix.columns)
        for level in (5, 6, 8):
            tile = tiles.tile(level, 0, 0)
            assert tile.truth is Truth.EXACT
            check(tile.level, brute(values, 1 << level), rtol=0.01, atol=1e-3)


def test_a_planted_element_is_found_by_following_absmax_down(tmp_path: Path) -> None:
    values = random.standard_normal((700, 900)).astype(np.float32)
    values[611, 437] = 77
    path = write_safetensors(tmp_path / "model.safetensors", arrays(a=values))
    with open_checkpoint(str(path)) as checkpoint:
        summary = Summary(checkpoint, tmp_path / "cache")
        summary.build()
        tiles = TensorTiles(weight(checkpoint, "a").matrix(), lambda: summary.level("a"))
        row = column = 0
        for level in range(tiles.coarsest, -1, -1):
            pixels = tiles.tile(level, row, column, side=2).level.absmax
            down, across = np.unravel_index(int(pixels.argmax()), pixels.shape)
            row, column = 2 * row + int(down), 2 * column + int(across)
    assert (row, column) == (611, 437)
