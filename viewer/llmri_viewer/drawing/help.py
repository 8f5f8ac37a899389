"""The help overlay: the key table, as it holds now."""

from llmri_viewer.bindings import TITLES, Bindings, Group
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.theme import LARGE

ROW, ROW_LEAST = 20, 16
HEADING = 28
Columns = tuple[tuple[Group, ...], ...]
THREE: Columns = (("look", "time", "talk"), ("touch", "colour"), ("clusters", "program"))
TWO: Columns = (("look", "time", "colour", "program"), ("touch", "clusters", "talk"))
TWO_BELOW = 1040  # pixels of width
WIDEST = 1120
KEYS = 13 * UNIT
TITLE = 7 * UNIT


def draw(canvas: Canvas, window: Box, table: Bindings) -> None:
    """Draw the table over everything, in as many columns as there is room for."""
    theme = canvas.theme
    canvas.veil(window, theme.background, 0.75)
    columns = THREE if window.width >= TWO_BELOW else TWO
    row = _row_height(table, columns, window.height - 4 * UNIT - TITLE - 3 * UNIT)
    rows_high = max(_column_height(table, column, row) for column in columns)
    width = min(window.width - 4 * UNIT, WIDEST)
    height = min(window.height - 4 * UNIT, TITLE + rows_high + 3 * UNIT)
    box = Box((window.width - width) // 2, (window.height - height) // 2, width, height)
    canvas.fill(box, theme.panel, 8)
    canvas.outline(box, theme.line, 1, 8)
    inner = box.inset(3 * UNIT, 0)
    canvas.text(inner.row(0, TITLE), "Keys", size=LARGE, face="bold")
    closing = f"{table.keys_of('help.toggle')} or Esc closes"
    if height < TITLE + rows_high:
        closing = f"a larger window shows all · {closing}"
    title = inner.row(0, TITLE)
    canvas.text(
        Box(title.x + 10 * UNIT, title.y, title.width - 10 * UNIT, TITLE),
        closing,
        colour=theme.dim,
        align="right",
    )
    each = (inner.width - (len(columns) - 1) * 3 * UNIT) // len(columns)
    canvas.clip(box)
    for number, groups in enumerate(columns):
        top = box.y + TITLE
        for group in groups:
            place = Box(inner.x + number * (each + 3 * UNIT), top, each, max(0, box.bottom - UNIT - top))
            top = _group(canvas, place, table, group, row)
    canvas.clip(None)


def _row_height(table: Bindings, columns: Columns, room: int) -> int:
    """Give the largest row, within bounds, with which every column fits the room."""
    fitting = (
        row
        for row in range(ROW, ROW_LEAST, -1)
        if all(_column_height(table, column, row) <= room for column in columns)
    )
    return next(fitting, ROW_LEAST)


def _column_height(table: Bindings, groups: tuple[Group, ...], row: int) -> int:
    count = sum(binding.group in groups for binding in table.rows)
    return len(groups) * (HEADING + UNIT) + row * count


def _group(canvas: Canvas, place: Box, table: Bindings, group: Group, each: int) -> int:
    """Draw as much of one group as has room, and give where the next begins."""
    theme = canvas.theme
    if place.height < HEADING + each:
        return place.bottom
    canvas.text(place.row(0, HEADING), TITLES[group], face="bold", colour=theme.accent)
    top = HEADING
    for row in table.rows:
        if row.group == group and top + each <= place.height:
            canvas.text(Box(place.x, place.y + top, KEYS, each), row.shown_keys, face="mono")
            text = Box(place.x + KEYS, place.y + top, max(0, place.width - KEYS), each)
            canvas.text(text, row.description, colour=theme.dim)
            top += each
    return place.y + top + UNIT
