"""The side panel's second part: the standing edits, in order, as the server told them."""

from llmri_protocol.messages import Edit
from llmri_viewer import words
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, mark
from llmri_viewer.drawing.section import HEADING, heading
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.state import ViewState

ROW = 20
LEAST = HEADING + 3 * ROW + UNIT


def draw(canvas: Canvas, box: Box, state: ViewState) -> None:
    """Draw the newest edits that have room, and count the earlier ones."""
    standing = state.standing
    body = heading(canvas, box, "Edits", f"undo {standing.undoable} · redo {standing.redoable}")
    edits = standing.edits
    if not edits:
        canvas.text(body.row(0, ROW), "None: the model runs as it was trained.", colour=canvas.theme.dim)
        return
    room = max(1, (body.height - UNIT) // ROW)
    shown = edits if len(edits) <= room else edits[len(edits) - room + 1 :]
    top = 0
    if len(shown) < len(edits):
        canvas.text(body.row(0, ROW), f"{len(edits) - len(shown)} earlier", colour=canvas.theme.dim)
        top = ROW
    for number, edit in enumerate(shown):
        _edit(canvas, body.row(top + number * ROW, ROW), edit)


def _edit(canvas: Canvas, row: Box, edit: Edit) -> None:
    tint = edit_colour(canvas.theme, edit.value)
    mark(canvas, (row.x + 5, row.y + row.height // 2), 4, edit.value, tint)
    amount = words.factor(edit.value)
    room = canvas.width(amount, "mono")
    units = f"unit {edit.units[0]}" if len(edit.units) == 1 else f"{len(edit.units)} units"
    last = ", last position" if edit.positions == "last" else ""
    left = row.x + 2 * UNIT + 2
    where = f"{edit.site} layer {edit.layer}, {units}{last}"
    canvas.text(Box(left, row.y, row.right - left - room - UNIT, row.height), where)
    canvas.text(
        Box(row.right - room, row.y, room, row.height), amount, face="mono", colour=tint, align="right"
    )
