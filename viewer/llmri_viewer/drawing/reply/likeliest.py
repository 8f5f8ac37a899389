"""The ten likeliest next tokens, with bars and numbers, and how sure the model was."""

import math
from collections.abc import Sequence

from llmri_look import words
from llmri_look.colours.theme import blend
from llmri_protocol.messages import Candidate, LogitLens, Token
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState

ROWS = 10
PITCH_LEAST, PITCH_MOST = 18, 34
BAR_MOST = 16  # pixels high
HEAD = 3 * UNIT
TEXT = 11 * UNIT
PERCENT, LOGPROB = 8 * UNIT, 8 * UNIT
BELOW = 3  # rows under the list: the token that came where it is not in it, and the entropy


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, lens: LogitLens | None) -> None:
    """Draw the candidates: those that the server told with the token, else the last layer's of the lens."""
    theme = canvas.theme
    turn = store.turns.get(state.time.at.turn) if state.time.at else None
    here = turn.tokens.get(state.time.at.token) if turn and state.time.at else None
    came = turn.tokens.get(state.time.at.token + 1) if turn and state.time.at else None
    last = lens.layers[-1] if lens and lens.layers else None
    top = came.top if came and came.top else last.top if last else ()
    entropy = came.entropy if came and came.entropy is not None else last.entropy if last else None
    canvas.text(box.row(0, HEAD), f"after “{here.text}”" if here else "next", face="bold")
    if not top:
        given = "The next token was given, not chosen." if came is not None else "It is not chosen yet."
        canvas.paragraph(box.row(HEAD, 3 * HEAD), given, 20, colour=theme.dim)
        return
    canvas.text(box.row(0, HEAD), "p          ln p", face="mono", colour=theme.dim, align="right")
    pitch = max(PITCH_LEAST, min(PITCH_MOST, (box.height - HEAD) // (ROWS + BELOW)))
    shown = top[: max(1, min(ROWS, (box.height - HEAD) // pitch - BELOW))]
    for number, candidate in enumerate(shown):
        row = box.row(HEAD + number * pitch, pitch)
        _candidate(canvas, row, candidate, chosen=came is not None and candidate.id == came.id)
    rest = box.row(HEAD + len(shown) * pitch, BELOW * pitch)
    _below(canvas, rest, pitch, _beyond(shown, came, lens), entropy)


def _beyond(shown: Sequence[Candidate], came: Token | None, lens: LogitLens | None) -> Candidate | None:
    """Return the token that came, where it is none of those shown and its probability is known."""
    if came is None or any(candidate.id == came.id for candidate in shown):
        return None
    if came.logprob is not None:
        return Candidate(id=came.id, text=came.text, logprob=came.logprob)
    return lens.came if lens else None


def _candidate(canvas: Canvas, row: Box, candidate: Candidate, *, chosen: bool) -> None:
    """Draw one: its text, a bar as long as its probability, and both numbers; the one that came is bright."""
    theme = canvas.theme
    ink = theme.text if chosen else theme.dim
    if chosen:
        canvas.fill(Box(row.x - UNIT // 2, row.y, 3, row.height - 2), theme.accent)
    text = Box(row.x + 2, row.y, TEXT - 2, row.height)
    canvas.text(text, words.token(candidate.text), colour=ink, face="mono")
    room = max(0, row.width - TEXT - PERCENT - LOGPROB - UNIT)
    height = min(BAR_MOST, row.height - 8)
    bar = Box(row.x + TEXT, row.y + (row.height - height) // 2, room, height)
    canvas.fill(bar, theme.raised, 2)
    share = math.exp(min(candidate.logprob, 0.0))
    if share * room >= 1:
        tint = theme.accent if chosen else blend(theme.accent, theme.panel, 0.45)
        canvas.fill(Box(bar.x, bar.y, round(share * room), bar.height), tint, 2)
    percent = Box(row.right - PERCENT - LOGPROB, row.y, PERCENT, row.height)
    canvas.text(percent, words.percent(candidate.logprob), colour=ink, face="mono", align="right")
    number = Box(row.right - LOGPROB, row.y, LOGPROB, row.height)
    canvas.text(
        number,
        f"{candidate.logprob + 0.0:.2f}".replace("-0.00", "0.00"),
        colour=ink,
        face="mono",
        align="right",
    )


def _below(canvas: Canvas, box: Box, pitch: int, beyond: Candidate | None, entropy: float | None) -> None:
    """Draw the token that came and is not in the list, and the entropy in both units."""
    theme = canvas.theme
    canvas.line((box.x, box.y + 4), (box.right - 1, box.y + 4), theme.line)
    top = UNIT
    if beyond is not None:
        _candidate(canvas, box.row(top, pitch), beyond, chosen=True)
        top += pitch
    if entropy is not None:
        row = box.row(top, pitch)
        canvas.text(row, "entropy", colour=theme.dim)
        said = f"{entropy:.3f} nats  {entropy / math.log(2):.3f} bits"
        canvas.text(row, said, face="mono", align="right")
