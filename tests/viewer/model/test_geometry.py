from hypothesis import given
from hypothesis import strategies as st

from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box, Camera, fitting, grid_of

widths = st.integers(1, 20_000)
boxes = st.builds(Box, st.integers(0, 200), st.integers(0, 200), st.integers(50, 2000), st.integers(50, 1500))


@given(widths)
def test_every_unit_has_a_cell_of_its_own_and_the_grid_is_near_square(width: int) -> None:
    grid = grid_of(width)
    assert {grid.unit(*grid.cell(unit)) for unit in (0, width // 2, width - 1)} == {0, width // 2, width - 1}
    assert grid.rows * grid.columns >= width
    assert grid.columns >= grid.rows
    assert (grid.rows - 1) * grid.columns < width
    if width > 3:
        assert grid.columns <= 2.05 * grid.rows + 1


def test_known_widths_leave_no_empty_cells() -> None:
    for width, shape in {192: (16, 12), 512: (32, 16), 2048: (64, 32), 8192: (128, 64)}.items():
        assert (grid_of(width).columns, grid_of(width).rows) == shape


@given(widths, boxes, st.data())
def test_the_middle_of_a_units_cell_hits_that_unit(width: int, box: Box, data: st.DataObject) -> None:
    grid = grid_of(width)
    camera = fitting(grid, box)
    unit = data.draw(st.integers(0, width - 1))
    cell = camera.cell_box(grid, box, unit)
    middle = (cell.x + cell.width // 2, cell.y + cell.height // 2)
    expected = unit if box.holds(*middle) else None
    assert camera.unit_at(grid, box, *middle) == expected


@given(st.integers(1, 40), st.floats(-500, 500), st.floats(-500, 500), st.integers(-5, 5), st.data())
def test_zooming_keeps_the_point_under_the_pointer(
    cell: int, x: float, y: float, steps: int, data: st.DataObject
) -> None:
    at = (data.draw(st.floats(0, 900)), data.draw(st.floats(0, 700)))
    before, after = Camera(cell, x, y), Camera(cell, x, y).zoomed(steps, *at)
    for axis, corner_before, corner_after in ((0, before.x, after.x), (1, before.y, after.y)):
        under_before = (at[axis] - corner_before) / before.cell
        under_after = (at[axis] - corner_after) / after.cell
        assert abs(under_before - under_after) < 1e-6 * max(1, abs(under_before))


@given(boxes, st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.integers(1, 96), widths)
def test_panning_never_loses_the_picture(box: Box, x: float, y: float, cell: int, width: int) -> None:
    grid = grid_of(width)
    camera = Camera(cell, x, y).kept_in_sight(grid, box)
    assert camera.x < box.width
    assert camera.y < box.height
    assert camera.x + grid.columns * cell > 0
    assert camera.y + grid.rows * cell > 0


@given(st.integers(480, 4000), st.integers(360, 3000))
def test_panels_stay_in_the_window_and_apart(width: int, height: int) -> None:
    parts = window_parts.of((width, height))
    panels = [
        parts.status,
        parts.layers,
        parts.caption,
        parts.view,
        parts.bar,
        parts.strip,
        parts.scrubber,
        parts.footer,
    ]
    panels += [parts.side] if parts.side else []
    assert (parts.side is None) == (width < window_parts.FOLD_WIDTH)
    for number, one in enumerate(panels):
        assert one.x >= 0
        assert one.y >= 0
        assert one.right <= width
        assert one.bottom <= height
        for other in panels[number + 1 :]:
            apart = (
                one.right <= other.x or other.right <= one.x or one.bottom <= other.y or other.bottom <= one.y
            )
            assert apart, (one, other)


@given(st.integers(1, 200), st.integers(100, 1500))
def test_a_layers_row_is_hit_as_that_layer(count: int, height: int) -> None:
    box = Box(0, 40, 88, height)
    for layer in {0, count // 2, count - 1}:
        row = window_parts.layer_row(box, count, layer)
        hit = window_parts.layer_at(box, count, row.y)
        assert hit is not None
        assert window_parts.layer_row(box, count, hit).y == row.y
