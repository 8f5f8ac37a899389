"""The text as it was written, a token a cell, tinted by surprise."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from llmri_look import words
from llmri_look.colours.theme import SMALL, blend
from llmri_protocol.messages import Token
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.model.history.store import ScanStore, TokenRef, Turn
from llmri_viewer.model.history.timeline import changed_in
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import STRIP_LINE, UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.why import why_wordless

PADDING = 4
GAP = 1
CELL_LEAST = 8  # pixels of a cell
SURPRISE_FULL = 6.0  # nats at which the tint is strongest
TINT = 0.5
SAID_MOST = 300  # characters of a prompt without tokens; more have no room in a line


class Laid(NamedTuple):
    """A token's place in its line, in pixels."""

    token: int
    x: int
    width: int


@dataclass(eq=False)
class Flow:
    """The lines so far."""

    width: int
    lines: list[list[Laid]] = field(default_factory=lambda: [[]])
    line_of: dict[int, int] = field(default_factory=dict)
    _end: int = 0
    _laid: int = 0
    _upset: int = 0

    def follow(self, turn: Turn, fonts: Fonts) -> None:
        """Lay the tokens that came since; all of them where the text changed before its end."""
        if self._upset != turn.upset:
            self.lines, self.line_of, self._end, self._laid, self._upset = [[]], {}, 0, 0, turn.upset
        for number in turn.order[self._laid :]:
            text = turn.tokens[number].text
            width = min(self.width, max(CELL_LEAST, fonts.width(text, "mono", SMALL) + 2 * PADDING))
            if self._end and self._end + width > self.width:
                self.lines.append([])
                self._end = 0
            self.lines[-1].append(Laid(number, self._end, width))
            self.line_of[number] = len(self.lines) - 1
            self._end += width + GAP
        self._laid = len(turn.order)


def _flow_of(turn: Turn, width: int, fonts: Fonts) -> Flow:
    """Return the lines of a turn, each so many pixels wide."""
    flow = _flow_begun(turn, width, fonts)
    flow.follow(turn, fonts)
    return flow


@lru_cache(maxsize=8)
def _flow_begun(_turn: Turn, width: int, _fonts: Fonts) -> Flow:
    return Flow(width)


@dataclass(frozen=True)
class TokenCell:
    """Where a token's cell is."""

    token: int
    box: Box


def surprise(token: Token) -> float:
    """Return how little the model expected the token, 0 to 1; 0 for a prompt's, which it did not choose."""
    return 0.0 if token.logprob is None else min(1.0, max(0.0, -token.logprob) / SURPRISE_FULL)


def turn_of(state: ViewState, store: ScanStore) -> Turn | None:
    """Return the turn whose text is shown: that of the shown token, or the newest where that has no token."""
    newest = store.turns[store.order[-1]] if store.order else None
    if state.time.at is None or (newest is not None and newest.wordless and not state.time.paused):
        return newest
    return store.turns.get(state.time.at.turn)


def cells(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> list[TokenCell]:
    """Return the cells in sight: scrolled to the shown token, or to the end while the reply is written."""
    turn = turn_of(state, store)
    if turn is None or not turn.order:
        return []
    inner = box.inset(2 * UNIT, UNIT)
    flow = _flow_of(turn, inner.width, canvas.fonts)
    high, last = max(1, inner.height // STRIP_LINE), len(flow.lines) - 1
    shown = state.time.at.token if state.time.at and not _live(state, turn) else turn.order[-1]
    first = max(0, min(flow.line_of.get(shown, last) - high // 2, last - high + 1))
    return [
        TokenCell(laid.token, Box(inner.x + laid.x, inner.y + row * STRIP_LINE, laid.width, STRIP_LINE - 2))
        for row, line in enumerate(flow.lines[first : first + high])
        for laid in line
    ]


def moment_at(
    canvas: Canvas, box: Box, state: ViewState, store: ScanStore, at: tuple[int, int]
) -> TokenRef | None:
    """Return the moment whose cell is at a point, None where there is none."""
    turn = turn_of(state, store)
    if turn is None or not box.holds(*at):
        return None
    found = (cell.token for cell in cells(canvas, box, state, store) if cell.box.holds(*at))
    return next((TokenRef(turn.number, token) for token in found), None)


def _live(state: ViewState, turn: Turn) -> bool:
    return not state.time.paused and turn.end is None


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the cells."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.y), (box.right, box.y), theme.line)
    turn = turn_of(state, store)
    laid = cells(canvas, box, state, store)
    if turn is None or not laid:
        _empty(canvas, box.inset(2 * UNIT, UNIT), state, turn)
        return
    changed = frozenset(changed_in(store, turn.number).tolist())
    for cell in laid:
        _cell(canvas, cell, turn.tokens[cell.token], shown=state.time.at == (turn.number, cell.token))
        under = turn.passes.of(cell.token)
        if under is not None and not under.certain:
            _uncertain(canvas, cell.box)
        if cell.token in changed:
            _changed(canvas, cell.box)


def _empty(canvas: Canvas, box: Box, state: ViewState, turn: Turn | None) -> None:
    """Say why there is no text; of a turn that got no reply also what was said."""
    theme, first = canvas.theme, box.row(0, STRIP_LINE)
    if turn is None or not turn.wordless:
        canvas.text(first, "The conversation appears here, a token a cell.", colour=theme.dim)
        return
    canvas.text(first, canvas.spelled(why_wordless(state, turn)), colour=theme.warning)
    said = f"“{words.shown_text(turn.prompt[:SAID_MOST], str.isprintable)}”"
    canvas.text(box.row(STRIP_LINE, STRIP_LINE), said, colour=theme.dim, face="mono")


def _changed(canvas: Canvas, box: Box) -> None:
    """Mark the left edge of a cell from which on other edits were in force."""
    canvas.fill(Box(box.x - 1, box.y - 1, 2, box.height + 2), canvas.theme.warning)
    canvas.fill(Box(box.x - 1, box.y - 1, 5, 2), canvas.theme.warning)


def _uncertain(canvas: Canvas, box: Box) -> None:
    """Dot the foot of a cell whose pass was under way as the edits changed."""
    for x in range(box.x + 2, box.right - 2, 4):
        canvas.fill(Box(x, box.bottom - 2, 2, 2), canvas.theme.warning)


def _cell(canvas: Canvas, cell: TokenCell, token: Token, *, shown: bool) -> None:
    theme = canvas.theme
    generated = token.phase == "generate"
    ground = blend(theme.accent, theme.raised, TINT * surprise(token)) if generated else theme.panel
    canvas.fill(cell.box, ground, 3)
    ink = theme.text if generated else theme.dim
    canvas.text(cell.box.inset(PADDING, 0), token.text, colour=ink, face="mono")
    if shown:
        canvas.outline(cell.box, theme.accent, 2, 3)
