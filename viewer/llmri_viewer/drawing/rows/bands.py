"""What a raster of layers by units has around its rows: marks, numbers of layers, the axis of units."""

from llmri_look.colours.theme import Colour, blend
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import axes, unit_ticks
from llmri_viewer.drawing.marks import MARK_FROM, edit_colour, ink_on, mark, mark_protected
from llmri_viewer.model.layout.columns import Columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState, by_layer
from llmri_viewer.views.all_layers import GUTTER, Bands

LABEL = 2 * UNIT  # pixels down a label takes
LANE_LEAST = 3  # pixels of a lane with a line at either edge, from which each row has its own
SHOWN = 0.25  # of the accent, behind the shown layer's number


def bounds(canvas: Canvas, bands: Bands) -> None:
    """Draw a thin line around each row, in the lanes: the middle of a map may be the window's ground."""
    rows = [bands.row(layer) for layer in range(bands.layers)] if bands.lane >= LANE_LEAST else [bands.box]
    for row in rows:
        canvas.outline(row.inset(-1), canvas.theme.line)


def marks(canvas: Canvas, state: ViewState, columns: Columns, bands: Bands, layer: int) -> None:
    """Mark the selection and the edits of a layer: selected above, edited between them and the row.

    Of edits that stand now, and that nothing shown here is of yet, there is only a line over the row.
    """
    lane, row = bands.lane_of(layer), bands.row(layer)
    chosen = unit_ticks.selected(state.selection.units, layer, columns)
    done = unit_ticks.edited(state.shown_edits, state.pane.site).get(layer, {})
    later = unit_ticks.edited(state.later_edits, state.pane.site).get(layer, {})
    half = (lane.height - lane.height // 5) // 2
    unit_ticks.draw(canvas, lane.row(lane.height - 2 * half, half), chosen, canvas.theme.accent)
    below = lane.row(lane.height - half, half)
    unit_ticks.draw_edits(canvas, below, columns, later, now=True)
    unit_ticks.draw_edits(canvas, below, columns, done)
    if columns.pixels_a_unit < MARK_FROM:
        return
    for start, end in chosen:
        frame(canvas, Box(row.x + start, row.y, end - start, row.height), canvas.theme.accent)
    for kind, units in done.items():
        for unit in units:
            start, end = columns.pixels(unit)
            if end > start:
                cell, ink = (
                    Box(row.x + start, row.y, end - start, row.height),
                    edit_colour(canvas.theme, kind),
                )
                canvas.outline(cell, ink, 2)
                at = (cell.x + cell.width // 2, cell.y + cell.height // 2)
                radius = max(1, min(6, cell.width // 4, cell.height // 3))
                mark(canvas, at, radius, kind, ink_on(canvas.colour_at(at)))


def frame(canvas: Canvas, cell: Box, ink: Colour) -> None:
    """Frame units so that the frame stands out on any colour."""
    canvas.outline(cell.inset(-1), canvas.theme.background, 3)
    canvas.outline(cell, ink, 2)


def protected(canvas: Canvas, state: ViewState, columns: Columns, bands: Bands) -> None:
    """Mark protected units, where they are to be shown, by a tick at the lower edge of their row."""
    for layer, units in by_layer(state.protected).items():
        row = bands.row(layer)
        height = max(2, min(8, row.height // 3))
        edge = Box(row.x, row.bottom - height, row.width, height)
        for start, end in unit_ticks.runs(columns, units):
            mark_protected(canvas, Box(edge.x + start - 2, edge.y, end - start + 4, edge.height))


def labels(canvas: Canvas, state: ViewState, stage: Box, bands: Bands) -> None:
    """Write the layers' numbers, as many as there is room for, and mark the shown one."""
    theme = canvas.theme
    row = bands.row(state.pane.layer)
    gutter = Box(stage.x, row.y, GUTTER - UNIT // 2, row.height)
    canvas.fill(gutter, blend(theme.accent, theme.background, SHOWN))
    canvas.fill(Box(gutter.x, gutter.y, 3, gutter.height), theme.accent)
    every = -(-LABEL // bands.pitch)
    for layer in range(bands.layers):
        if layer == state.pane.layer or (layer % every == 0 and abs(layer - state.pane.layer) >= every):
            middle = bands.row(layer).y + bands.row(layer).height // 2
            place = Box(stage.x, middle - LABEL // 2, GUTTER - UNIT, LABEL)
            ink = theme.text if layer == state.pane.layer else theme.dim
            canvas.text(place, str(layer), face="mono", colour=ink, align="right")


def axis(canvas: Canvas, state: ViewState, bands: Bands) -> None:
    """Number the units below, and show the part in sight."""
    low, high = state.pane.reach.start * state.width, state.pane.reach.stop * state.width
    box = Box(bands.box.x, bands.box.bottom + 2, bands.box.width, axes.HEIGHT)
    axes.across(canvas, box, axes.Axis(low, high, box.x, box.right), "unit")
    axes.reach_bar(canvas, box.row(axes.HEIGHT + 2, 4), state.pane.reach.start, state.pane.reach.stop)
