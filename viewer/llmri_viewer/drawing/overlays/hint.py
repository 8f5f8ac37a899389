"""The first keys to try, until one is pressed."""

from llmri_look.keys.bindings import Bindings
from llmri_look.keys.keynames import together
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT

ROW = 22
HEADING = 30
FIRST: tuple[tuple[tuple[str, ...], str], ...] = (
    (("chat.open",), "talk to the model"),
    (("layer.previous", "layer.next"), "go through its layers"),
    (("unit.select",), "select a unit; then {edit.ablate} ablates it"),
    (("help.toggle",), "show every key"),
)
"""Commands by their first keys, and what they are good for."""


def draw(canvas: Canvas, view: Box, table: Bindings) -> None:
    """Draw the panel in the lower right corner of the view."""
    theme = canvas.theme
    lines = [(_keys(table, commands), table.spelled(words)) for commands, words in FIRST]
    keys = max(canvas.width(shown, "mono") for shown, _ in lines) + 2 * UNIT
    width = keys + max(canvas.width(words) for _, words in lines) + 4 * UNIT
    height = HEADING + len(lines) * ROW + UNIT
    box = Box(
        max(view.x, view.right - width), max(view.y, view.bottom - height), min(width, view.width), height
    )
    canvas.cover(box, theme.raised, UNIT)
    canvas.outline(box, theme.accent, 1, UNIT)
    inner = box.inset(2 * UNIT, 0)
    canvas.text(inner.row(UNIT // 2, HEADING - UNIT // 2), "To begin with", face="bold")
    for number, (shown, words) in enumerate(lines):
        row = inner.row(HEADING + number * ROW, ROW)
        canvas.text(row, shown, face="mono", colour=theme.accent)
        canvas.text(Box(row.x + keys, row.y, max(0, row.width - keys), ROW), words)


def _keys(table: Bindings, commands: tuple[str, ...]) -> str:
    """Return the first key of each command."""
    rows = {row.command: row.keys[0] for row in reversed(table.rows)}
    return together(tuple(rows[command] for command in commands if command in rows))
