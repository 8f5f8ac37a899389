"""The text as it was written, a token a cell, tinted by surprise, and the scrubber under it."""

from dataclasses import dataclass

from llmri_protocol.messages import Token
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import STRIP_LINE, UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore, Turn
from llmri_viewer.theme import blend

PADDING = 4
GAP = 1
SURPRISE_FULL = 6.0  # nats at which the tint is strongest
TINT = 0.6
LABEL = 32 * UNIT


@dataclass(frozen=True)
class Cell:
    """Where a token's cell is."""

    token: int
    box: Box


def surprise(token: Token) -> float:
    """Give how little the model expected the token, 0 to 1; 0 for a prompt's, which it did not choose."""
    return 0.0 if token.logprob is None else min(1.0, max(0.0, -token.logprob) / SURPRISE_FULL)


def turn_of(state: ViewState, store: ScanStore) -> Turn | None:
    """Give the turn whose text is shown: that of the shown token, or the newest."""
    number = state.at.turn if state.at else max(store.turns, default=None)
    return store.turns.get(number) if number is not None else None


def cells(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> list[Cell]:
    """Lay the tokens out in lines, scrolled so that the shown one is in sight."""
    turn = turn_of(state, store)
    if turn is None or not turn.tokens:
        return []
    inner = box.inset(2 * UNIT, UNIT)
    lines = max(1, inner.height // STRIP_LINE)
    placed: list[tuple[int, int, int, int]] = []
    x = line = 0
    for number, token in sorted(turn.tokens.items()):
        width = min(inner.width, max(UNIT, canvas.width(token.text, "mono") + 2 * PADDING))
        if x and x + width > inner.width:
            x, line = 0, line + 1
        placed.append((number, line, x, width))
        x += width + GAP
    shown = state.at.token if state.at and not _live(state, turn) else placed[-1][0]
    current = next((at for number, at, _, _ in placed if number == shown), line)
    first = max(0, min(current - lines // 2, line - lines + 1))
    return [
        Cell(number, Box(inner.x + left, inner.y + (at - first) * STRIP_LINE, width, STRIP_LINE - 2))
        for number, at, left, width in placed
        if first <= at < first + lines
    ]


def _live(state: ViewState, turn: Turn) -> bool:
    return not state.paused and turn.end is None


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the cells."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.y), (box.right, box.y), theme.line)
    turn = turn_of(state, store)
    laid = cells(canvas, box, state, store)
    if turn is None or not laid:
        place = box.inset(2 * UNIT, UNIT).row(0, STRIP_LINE)
        canvas.text(place, "The conversation appears here, a token a cell.", colour=theme.dim)
        return
    for cell in laid:
        _cell(
            canvas,
            cell,
            turn.tokens[cell.token],
            shown=bool(state.at) and state.at == (turn.number, cell.token),
        )


def _cell(canvas: Canvas, cell: Cell, token: Token, *, shown: bool) -> None:
    theme = canvas.theme
    generated = token.phase == "generate"
    ground = blend(theme.accent, theme.raised, TINT * surprise(token)) if generated else theme.panel
    canvas.fill(cell.box, ground, 3)
    ink = theme.text if generated else theme.dim
    inner = cell.box.inset(PADDING, 0)
    canvas.text(inner, token.text, colour=ink, face="mono")
    if shown:
        canvas.outline(cell.box, theme.accent, 2, 3)


def scrubber_track(box: Box) -> Box:
    """Give the part of the scrubber that stands for tokens."""
    return Box(box.x, box.y + 5, max(1, box.width - LABEL - UNIT), 6)


def token_at(box: Box, turn: Turn, x: float) -> int | None:
    """Give the token at a place of the scrubber."""
    track = scrubber_track(box)
    if not turn.tokens or not track.x <= x < track.right:
        return None
    last = max(turn.tokens)
    return min(last, int((x - track.x) / track.width * (last + 1)))


def draw_scrubber(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the turn as a bar: bright where a scan is kept, the shown token as a handle."""
    theme = canvas.theme
    canvas.fill(Box(0, box.y - 1, canvas.surface.get_width(), box.height + UNIT), theme.panel)
    track = scrubber_track(box)
    canvas.fill(track, theme.raised, 3)
    turn = turn_of(state, store)
    if turn is None or not turn.tokens:
        return
    count = max(turn.tokens) + 1
    for first, last in _runs(store.moments(turn.number, state.site)):
        left, right = track.x + first * track.width // count, track.x + (last + 1) * track.width // count
        canvas.fill(
            Box(left, track.y, max(1, right - left), track.height), blend(theme.dim, theme.panel, 0.5), 3
        )
    if state.at is not None:
        x = track.x + (state.at.token + 0.5) * track.width / count
        canvas.fill(Box(round(x) - 3, box.y + 1, 6, box.height - 2), theme.accent, 3)
    chosen = turn.generated()
    label = f"tint: surprise · {count - chosen} read, {chosen} written"
    canvas.text(Box(box.right - LABEL, box.y, LABEL, box.height), label, colour=theme.dim, align="right")


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Join neighbours: 1, 2, 3, 7 become (1, 3), (7, 7)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
