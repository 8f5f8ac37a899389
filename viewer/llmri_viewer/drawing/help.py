"""The help overlay: the key table, as it holds now."""

from llmri_viewer.bindings import TITLES, Bindings, Group
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.theme import LARGE

ROW = 20
HEADING = 28
Columns = tuple[tuple[Group, ...], ...]
THREE: Columns = (("look", "time"), ("touch", "talk"), ("colour", "program"))
TWO: Columns = (("look", "time", "colour"), ("touch", "talk", "program"))
TWO_BELOW = 1040  # pixels of width
WIDEST = 1120
KEYS = 12 * UNIT
TITLE = 7 * UNIT


def draw(canvas: Canvas, window: Box, table: Bindings) -> None:
    """Draw the table over everything, in as many columns as there is room for."""
    theme = canvas.theme
    canvas.veil(window, theme.background, 0.75)
    columns = THREE if window.width >= TWO_BELOW else TWO
    rows_high = max(sum(_height(table, group) for group in column) for column in columns)
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
            top = _group(canvas, place, table, group)
    canvas.clip(None)


def _height(table: Bindings, group: Group) -> int:
    return HEADING + UNIT + ROW * sum(row.group == group for row in table.rows)


def _group(canvas: Canvas, place: Box, table: Bindings, group: Group) -> int:
    """Draw as much of one group as has room, and give where the next begins."""
    theme = canvas.theme
    if place.height < HEADING + ROW:
        return place.bottom
    canvas.text(place.row(0, HEADING), TITLES[group], face="bold", colour=theme.accent)
    top = HEADING
    for row in table.rows:
        if row.group == group and top + ROW <= place.height:
            canvas.text(Box(place.x, place.y + top, KEYS, ROW), row.shown_keys, face="mono")
            text = Box(place.x + KEYS, place.y + top, max(0, place.width - KEYS), ROW)
            canvas.text(text, row.description, colour=theme.dim)
            top += ROW
    return place.y + top + UNIT
