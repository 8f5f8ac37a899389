import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_clustering.layout import near_square, neighbour_overlap, snap


def assert_one_unit_a_cell(cells: np.ndarray, shape: tuple[int, int], units: int) -> None:
    assert cells.shape == (units, 2)
    assert cells.dtype == np.int32
    assert (cells >= 0).all()
    assert (cells < shape).all()
    assert len(np.unique(cells, axis=0)) == units


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 300), st.integers(0, 2**32 - 1), st.booleans())
def test_no_cell_is_shared_and_no_unit_is_lost(units: int, seed: int, coarse: bool) -> None:
    positions = np.random.default_rng(seed).normal(size=(units, 2))
    cells, shape = snap(np.round(positions) if coarse else positions)
    assert shape[0] * shape[1] >= units
    assert_one_unit_a_cell(cells, shape, units)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_any_shape_with_room_is_kept(rows: int, columns: int, data: st.DataObject) -> None:
    units = data.draw(st.integers(0, rows * columns))
    positions = np.random.default_rng(units).normal(size=(units, 2))
    cells, shape = snap(positions, (rows, columns))
    assert shape == (rows, columns)
    assert_one_unit_a_cell(cells, shape, units)


@given(st.integers(1, 10**6))
def test_the_image_is_near_a_square_and_wastes_less_than_a_row(units: int) -> None:
    rows, columns = near_square(units)
    assert units <= rows * columns < units + columns
    assert columns - 1 <= rows <= columns


def test_a_grid_is_snapped_to_itself() -> None:
    row, column = np.divmod(np.random.default_rng(0).permutation(64), 8)
    cells, shape = snap(np.stack([3.0 * column, 3.0 * row], axis=1))
    assert shape == (8, 8)
    np.testing.assert_array_equal(cells, np.stack([row, column], axis=1))


def test_neighbours_in_the_plane_stay_neighbours_in_the_image() -> None:
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(1000, 2))
    cells, _ = snap(positions)
    centres = rng.uniform(-3, 3, size=(400, 2))
    samples = np.exp(-np.square(centres[:, None] - positions).sum(axis=2))
    shuffled = cells[rng.permutation(1000)]
    assert neighbour_overlap(samples, cells) > 0.4 > 10 * neighbour_overlap(samples, shuffled)


def test_empty_cells_are_spread_over_the_image() -> None:
    cells, shape = snap(np.random.default_rng(0).normal(size=(200, 2)), (20, 20))
    taken = np.zeros(shape, dtype=bool)
    taken[tuple(cells.T)] = True
    assert taken.reshape(4, 5, 4, 5).sum(axis=(1, 3)).min() >= 8


def test_the_same_positions_give_the_same_cells() -> None:
    positions = np.random.default_rng(0).normal(size=(500, 2))
    assert np.array_equal(snap(positions)[0], snap(positions)[0])


def test_bad_input_is_refused_with_numbers() -> None:
    with pytest.raises(ValueError, match="2 x 4 cells cannot hold 9 units"):
        snap(np.zeros((9, 2)), (2, 4))
    with pytest.raises(ValueError, match=r"\(9, 3\), expected \[units, 2\]"):
        snap(np.zeros((9, 3)))
    with pytest.raises(ValueError, match="18 of 18 coordinates are not finite"):
        snap(np.full((9, 2), np.inf))
