"""Two replies to one prompt, drawn: without and with the edits, and how far they are apart."""

from llmri_look import edit_words, words
from llmri_look.colours.theme import blend
from llmri_look.edit_effects import effect_of
from llmri_protocol.messages import Comparison
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, mark
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.reply import divergence
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.measured.measuring import Asked
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.compare import (
    LINE,
    PADDING,
    ROW,
    ReplyParts,
    TokenPlace,
    cells,
    most_scroll,
    parts,
    token_at,
)
from llmri_viewer.views.picture import Picture

TINT = 0.6  # of the accent, where the divergence is largest
TINTED_FROM = 0.1  # nats: a reply whose divergences are all far below is hardly tinted
GAP = 2 * UNIT  # between edits in a line


def draw(
    canvas: Canvas, state: ViewState, store: ScanStore, _picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it."""
    places, found = parts(state), state.measurements.answer(Comparison)
    if found is None:
        waiting.say(canvas, window_parts.of(state.window.size).view, *why())
        waiting.measurement(canvas, places.note, state, "comparison", "")
        return
    asked, answer = found
    note, warns = _note(state, store, asked, answer)
    waiting.measurement(canvas, places.note, state, "comparison", note, warns=warns)
    _edits(canvas, places.edits, asked)
    scroll = min(state.pane.scroll, most_scroll(state))
    pointed = token_at(state, state.window.pointer) if state.window.pointer else None
    for column, title in enumerate(("without the edits", "with them")):
        _head(canvas, places.heads[column], title, _reading(answer, pointed, column))
        _reply(canvas, places.texts[column], answer, column, scroll=scroll)
    _more(canvas, places, most_scroll(state), scroll)
    divergence.draw(canvas, places.strip, answer, None if pointed is None else pointed[1])


def _note(state: ViewState, store: ScanStore, asked: Asked, answer: Comparison) -> tuple[str, bool]:
    """Say where the replies part, and whether what was compared still holds."""
    if asked.disturbed:
        again = "; {compare.measure} compares anew" if state.editing.standing.edits else ""
        return f"the edits changed meanwhile: measured under those below, or those after{again}", True
    if asked.edits != state.editing.standing.edits:
        now = "other edits stand" if state.editing.standing.edits else "no edit stands"
        again = "; {compare.measure} compares anew" if state.editing.standing.edits else ""
        return f"measured under the edits below; {now} now{again}", True
    if asked.turn != max(store.turns, default=0):
        return "measured for an earlier prompt; {compare.measure} compares the last one", True
    if answer.first_difference is None:
        return f"the replies are the same, token for token ({len(answer.plain)})", False
    return f"the replies part at token {answer.first_difference}, framed below", False


def _edits(canvas: Canvas, box: Box, asked: Asked) -> None:
    """Name the edits that stood, as many as fit, and count the others."""
    theme, row = canvas.theme, ROW
    x, top = box.x, 0
    for number, edit in enumerate(asked.edits):
        done = effect_of(edit)
        text = f"{edit_words.where(edit)}  {edit_words.amount(edit)}"
        rest = f"and {len(asked.edits) - number} more"
        room = 2 * UNIT + canvas.width(text)
        last = top + 2 * row > box.height
        spare = canvas.width(rest) + GAP if last and number < len(asked.edits) - 1 else 0
        if x > box.x and x + room + spare > box.right:
            if last:
                canvas.text(Box(x, box.y + top, box.right - x, row), rest, colour=theme.dim)
                return
            x, top = box.x, top + row
        mark(canvas, (x + 5, box.y + top + row // 2), 4, done, edit_colour(theme, done))
        place = Box(x + 2 * UNIT, box.y + top, min(room - 2 * UNIT, box.right - x - 2 * UNIT), row)
        canvas.text(place, text)
        x += room + GAP


def _head(canvas: Canvas, box: Box, title: str, reading: str) -> None:
    used = canvas.text(box, title, face="bold")
    left = box.x + used + UNIT
    canvas.text(Box(left, box.y, max(0, box.right - left), box.height), reading, face="mono", align="right")


def _reading(answer: Comparison, pointed: tuple[int, int] | None, column: int) -> str:
    """Return the pointed token's number, probability and, in the plain reply, divergence."""
    if pointed is None or pointed[0] != column:
        return ""
    number = pointed[1]
    token = (answer.plain, answer.edited)[column][number]
    apart = f"  KL {words.nats(answer.kl[number])}" if column == 0 and number < len(answer.kl) else ""
    return f"token {number}  {words.percent(token.logprob)}{apart}"


def _reply(canvas: Canvas, box: Box, answer: Comparison, column: int, *, scroll: int) -> None:
    """Draw a reply's tokens; those that both have are dim, and the plain reply's are tinted by divergence."""
    theme, tokens = canvas.theme, (answer.plain, answer.edited)[column]
    most = max(TINTED_FROM, *answer.kl) if answer.kl else TINTED_FROM
    parted = len(tokens) if answer.first_difference is None else answer.first_difference
    if not tokens:
        canvas.text(box.row(0, LINE), "an empty reply", colour=theme.dim)
    for number, (token, cell) in enumerate(zip(tokens, cells(tokens, box.width), strict=True)):
        place = _place(box, cell, scroll)
        if place is None:
            continue
        share = answer.kl[number] / most if column == 0 and number < len(answer.kl) else 0.0
        canvas.fill(place, blend(theme.accent, theme.raised, TINT * share), 3)
        ink = theme.dim if number < parted else theme.text
        canvas.text(place.inset(PADDING, 0), token.text, face="mono", colour=ink)
        if number == parted:
            canvas.outline(place, theme.accent, 2, 3)


def _place(box: Box, cell: TokenPlace, scroll: int) -> Box | None:
    """Return a cell's pixels, None where its line is out of sight."""
    line = cell.line - scroll
    if not 0 <= line < max(1, box.height // LINE):
        return None
    return Box(box.x + cell.x, box.y + line * LINE, cell.width, LINE - 2)


def _more(canvas: Canvas, places: ReplyParts, most: int, scroll: int) -> None:
    """Show between the replies which part of the longer one is in sight."""
    if most <= 0:
        return
    left, right = places.texts
    track = Box(left.right + (right.x - left.right) // 2 - 2, left.y, 4, places.lines * LINE)
    canvas.fill(track, canvas.theme.raised, 2)
    lines = most + places.lines
    height = max(8, track.height * places.lines // lines)
    top = track.y + (track.height - height) * scroll // most
    canvas.fill(Box(track.x, top, 4, height), canvas.theme.dim, 2)


PAINTERS = {"compare": draw}
