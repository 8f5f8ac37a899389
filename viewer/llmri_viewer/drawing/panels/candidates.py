"""The side panel's third part: what the model thought might come next."""

import math

from llmri_look import words
from llmri_look.colours.theme import blend
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.panels.section import HEADING, heading
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState

ROW = 20
ROWS = 10
HEIGHT = HEADING + ROW * ROWS + UNIT
LEAST = HEADING + 2 * ROW
TEXT = 10 * UNIT
NUMBER = 8 * UNIT


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the likeliest successors of the shown token; the one that came is bright."""
    turn = store.turns.get(state.time.at.turn) if state.time.at else None
    here = turn.tokens.get(state.time.at.token) if turn and state.time.at else None
    came = turn.tokens.get(state.time.at.token + 1) if turn and state.time.at else None
    body = heading(canvas, box, "Next token", f"after “{here.text}”" if here else "")
    if came is None or not came.top:
        given = "The next token was given, not chosen." if came is not None else "Not chosen yet."
        none = "No token is shown." if store.turns else "Nothing was said yet."
        canvas.text(body.row(0, ROW), given if here else none, colour=canvas.theme.dim)
        return
    for number, candidate in enumerate(came.top[: min(ROWS, body.height // ROW)]):
        row = body.row(number * ROW, ROW)
        _candidate(canvas, row, candidate.text, candidate.logprob, chosen=candidate.id == came.id)


def _candidate(canvas: Canvas, row: Box, text: str, logprob: float, *, chosen: bool) -> None:
    """Draw one: its text, a bar as long as its probability, and the number."""
    theme = canvas.theme
    ink = theme.text if chosen else theme.dim
    canvas.text(Box(row.x, row.y, TEXT, row.height), words.token(text), colour=ink, face="mono")
    room = row.width - TEXT - NUMBER - 2 * UNIT
    bar = Box(row.x + TEXT + UNIT, row.y + 6, room, row.height - 12)
    canvas.fill(bar, theme.raised, 2)
    share = math.exp(min(logprob, 0.0))
    if share * room >= 1:
        tint = theme.accent if chosen else blend(theme.accent, theme.panel, 0.45)
        canvas.fill(Box(bar.x, bar.y, round(share * room), bar.height), tint, 2)
    number = Box(row.right - NUMBER, row.y, NUMBER, row.height)
    canvas.text(number, words.percent(logprob), colour=ink, face="mono", align="right")
