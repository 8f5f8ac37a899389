"""The side panel's second part: the edits that the shown token was computed under, and those that stand."""

from llmri_look import edit_words
from llmri_look.edit_effects import effect_of
from llmri_look.words import count
from llmri_protocol.messages import Edit
from llmri_protocol.protection import Guarded, guarded_places, protected_of
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, mark
from llmri_viewer.drawing.panels.side import HEADING, heading
from llmri_viewer.model.history.under import Under
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState

STALE = "earlier tokens keep older edits"
REREAD = "{cache.reread} reads all anew"
TRAINED = "None: the model runs as it was trained."
ROW = 20
LEAST = HEADING + 4 * ROW + UNIT
REREADING = "reading all of it anew …"


def least(state: ViewState) -> int:
    """Return the height that is needed at least: two lists take more than one."""
    both = state.apart and state.time.under.sure and state.editing.standing.edits
    return LEAST + (3 * ROW if both else 0)


def draw(canvas: Canvas, box: Box, state: ViewState) -> None:
    """Draw the newest edits that have room, and count the earlier ones.

    Where the shown token was computed under others than stand now, both are named, each under its heading.
    """
    standing = state.editing.standing
    title = f"Edits: {standing.name}" if standing.name else "Edits"
    body = heading(canvas, box, title, f"undo {standing.undoable} · redo {standing.redoable}")
    rest = _stale(canvas, body._replace(height=body.height - UNIT), state)
    if state.apart:
        _both(canvas, rest, state)
    elif standing.edits:
        _listed(canvas, rest, standing.edits, guarded_places(state.connection.card))
    else:
        canvas.text(rest.row(0, ROW), canvas.spelled(without(state)), colour=canvas.theme.dim)


def _stale(canvas: Canvas, box: Box, state: ViewState) -> Box:
    """Say that older keys and values are kept, where they are, and what to do; give the rest of the box."""
    if state.editing.rereading:
        canvas.text(box.row(0, ROW), REREADING, colour=canvas.theme.accent)
        return _below(box, ROW)
    if not state.stale:
        return box
    canvas.text(box.row(0, ROW), STALE, colour=canvas.theme.warning)
    stand, guarded = state.editing.standing.edits, guarded_places(state.connection.card)
    needed = 1 + _height(stand, guarded) + (2 + _height(state.time.under.sure, guarded) if state.apart else 0)
    spare = box.height // ROW > needed and (stand or state.apart)
    if not spare or not cured_by_rereading(state):
        return _below(box, ROW)
    canvas.text(box.row(ROW, ROW), canvas.spelled(REREAD), colour=canvas.theme.dim)
    return _below(box, 2 * ROW)


def _both(canvas: Canvas, box: Box, state: ViewState) -> None:
    """Draw the edits of the shown token, then those that stand now, in about half of the rows each."""
    said, known = at_token(state.time.under)
    theme, shown, stand = canvas.theme, state.time.under.sure, state.editing.standing.edits
    guarded = guarded_places(state.connection.card)
    used = canvas.text(box.row(0, ROW), said, colour=theme.dim if known else theme.warning)
    if not shown or not stand:  # one list at most: both headings stand over it
        right = Box(box.x + used + UNIT, box.y, max(0, box.width - used - UNIT), ROW)
        canvas.text(right, now(state), colour=theme.dim, align="right")
        _listed(canvas, _below(box, ROW), shown or stand, guarded)
        return
    rows = max(0, box.height // ROW - 2)  # without both headings
    first = min(_height(shown, guarded), max(rows - _height(stand, guarded), (rows + 1) // 2))
    below = _below(box, ROW + _listed(canvas, box.row(ROW, first * ROW), shown, guarded))
    canvas.text(below.row(0, ROW), now(state), colour=theme.dim)
    _listed(canvas, _below(below, ROW), stand, guarded)


def _listed(canvas: Canvas, box: Box, edits: tuple[Edit, ...], guarded: Guarded) -> int:
    """Write the newest edits that have room, under how many came before them; give the height taken."""
    top = 0
    if not edits or box.height < ROW:
        return 0
    shown = _newest(edits, guarded, box.height // ROW)
    if len(shown) < len(edits) and box.height >= 2 * ROW:
        canvas.text(box.row(0, ROW), f"{len(edits) - len(shown)} earlier", colour=canvas.theme.dim)
        top = ROW
    for edit in shown:
        height = min(_rows(edit, guarded) * ROW, max(ROW, box.height - top))
        _edit(canvas, box.row(top, height), edit, guarded)
        top += height
    return top


def _below(box: Box, height: int) -> Box:
    return box._replace(y=box.y + height, height=max(0, box.height - height))


def _newest(edits: tuple[Edit, ...], guarded: Guarded, room: int) -> tuple[Edit, ...]:
    """The last edits that fit so many rows, with one for the count of the others; at least the last."""
    rows = [_rows(edit, guarded) for edit in edits]
    first = len(edits) - 1
    while first > 0 and sum(rows[first - 1 :]) + (first > 1) <= room:
        first -= 1
    return edits[first:]


def _height(edits: tuple[Edit, ...], guarded: Guarded) -> int:
    """Count the rows that edits take."""
    return sum(_rows(edit, guarded) for edit in edits)


def _rows(edit: Edit, guarded: Guarded) -> int:
    return 2 if edit_words.conditions(edit) or protected_of(edit, guarded) else 1


def _edit(canvas: Canvas, box: Box, edit: Edit, guarded: Guarded) -> None:
    """Write what is edited and how, and beneath it, where the box has room, where in the conversation."""
    row = box.row(0, ROW)
    done = effect_of(edit)
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


def at_token(under: Under) -> tuple[str, bool]:
    """Head the edits that the shown token was computed under for certain; tell whether that is known."""
    if not under.certain:
        return "at this token: changing", False
    if under.edits is None:
        return f"at this token: {'not kept' if under.newest.let_go else 'unknown'}", False
    return f"at this token: {len(under.edits) or 'none'}", True


def now(state: ViewState) -> str:
    """Head the edits that stand now."""
    return f"now: {len(state.editing.standing.edits) or 'none'}"


def without(state: ViewState) -> str:
    """Say what there is to say where no edit stands: as it was trained only where nothing older is left."""
    if not state.stale:
        return TRAINED
    return f"None now; {REREAD}" if cured_by_rereading(state) else "None now."


def cured_by_rereading(state: ViewState) -> bool:
    """Tell whether there is something to read anew, and this window may ask for it."""
    return state.editing.standing.stale and not state.connection.read_only


def brief(state: ViewState) -> str:
    """Say it where there is no panel for it; empty where there is nothing to say."""
    stand = len(state.editing.standing.edits)
    if not state.apart:
        older = ", older ones kept" if state.stale else ""
        return f"{count(stand, 'edit') if stand else 'no edit'}{older}" if stand or older else ""
    return f"{here(state.time.under)} here, {stand or 'none'} now"


def here(under: Under) -> str:
    """Say in few words which edits something was computed under."""
    if not under.certain:
        return "edits changing"
    if under.edits is None:
        return "edits not kept" if under.newest.let_go else "edits unknown"
    return count(len(under.edits), "edit") if under.edits else "no edit"
