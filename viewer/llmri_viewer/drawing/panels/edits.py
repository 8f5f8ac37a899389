"""The side panel's second part: the standing edits, in order, as the server told them."""

from llmri_protocol.messages import Edit
from llmri_protocol.protection import Guarded, guarded_places, protected_of
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, mark
from llmri_viewer.drawing.panels.section import HEADING, heading
from llmri_viewer.layout.face import UNIT
from llmri_viewer.layout.geometry import Box
from llmri_viewer.state import ViewState
from llmri_viewer.wording import edit_words
from llmri_viewer.wording.effects import effect

ROW = 20
LEAST = HEADING + 4 * ROW + UNIT
STALE = "earlier tokens keep older edits"


def draw(canvas: Canvas, box: Box, state: ViewState) -> None:
    """Draw the newest edits that have room, and count the earlier ones."""
    standing, theme = state.standing, canvas.theme
    title = f"Edits: {standing.name}" if standing.name else "Edits"
    body = heading(canvas, box, title, f"undo {standing.undoable} · redo {standing.redoable}")
    top = 0
    if standing.stale:
        canvas.text(body.row(0, ROW), STALE, colour=theme.warning)
        top = ROW
    if not standing.edits:
        canvas.text(body.row(top, ROW), "None: the model runs as it was trained.", colour=theme.dim)
        return
    guarded = guarded_places(state.card)
    rows = [_rows(edit, guarded) for edit in standing.edits]
    shown = _newest(standing.edits, rows, max(1, (body.height - UNIT - top) // ROW))
    if len(shown) < len(standing.edits):
        canvas.text(body.row(top, ROW), f"{len(standing.edits) - len(shown)} earlier", colour=theme.dim)
        top += ROW
    for edit in shown:
        height = min(_rows(edit, guarded) * ROW, max(ROW, body.height - top))
        _edit(canvas, body.row(top, height), edit, guarded)
        top += height


def _newest(edits: tuple[Edit, ...], rows: list[int], room: int) -> tuple[Edit, ...]:
    """Give the last edits that fit so many rows, with one for the count of the others; at least the last."""
    first = len(edits) - 1
    while first > 0 and sum(rows[first - 1 :]) + (first > 1) <= room:
        first -= 1
    return edits[first:]


def _rows(edit: Edit, guarded: Guarded) -> int:
    return 2 if edit_words.conditions(edit) or protected_of(edit, guarded) else 1


def _edit(canvas: Canvas, box: Box, edit: Edit, guarded: Guarded) -> None:
    """Write what is edited and how, and beneath it, where the box has room, where in the conversation."""
    row = box.row(0, ROW)
    done = effect(edit)
    tint = edit_colour(canvas.theme, done)
    mark(canvas, (row.x + 5, row.y + row.height // 2), 4, done, tint)
    amount = edit_words.amount(edit)
    room = canvas.width(amount, "mono")
    left = row.x + 2 * UNIT + 2
    canvas.text(Box(left, row.y, row.right - left - room - UNIT, row.height), edit_words.where(edit))
    canvas.text(
        Box(row.right - room, row.y, room, row.height), amount, face="mono", colour=tint, align="right"
    )
    if box.height >= 2 * ROW:
        beneath = Box(left, row.bottom, row.right - left, ROW)
        count = protected_of(edit, guarded)
        said = ", ".join(filter(None, (edit_words.guarded(count), edit_words.conditions(edit))))
        canvas.text(beneath, said, colour=canvas.theme.warning if count else canvas.theme.dim)
