"""The view of two replies side by side: where their tokens stand."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from llmri_look import words
from llmri_look.view_names import ViewName
from llmri_protocol.messages import Compare, ComparedToken, Comparison
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.barless import whole
from llmri_viewer.views.base import At, Entry, PlainView
from llmri_viewer.views.picture import Words
from llmri_viewer.views.table import Column, Table, encoded

ROW = 20  # pixels of the lines over the text
LINE = 23  # of a line of tokens
CHARACTER = 8  # pixels a letter of the fixed face takes
PADDING = 4
STRIP_LEAST, STRIP_SHARE = 11 * UNIT, 0.28  # the bars of divergence: pixels, and of the view
EDITS_TALL = 60 * UNIT  # pixels of height from which edits have two lines
COMMON = "\u0900"  # code points from here on may have no letter, and then are drawn as an escape


@dataclass(frozen=True)
class ReplyParts:
    """How the view is divided."""

    note: Box
    edits: Box
    heads: tuple[Box, Box]
    texts: tuple[Box, Box]
    strip: Box

    @property
    def lines(self) -> int:
        """How many lines of tokens are in sight."""
        return max(1, self.texts[0].height // LINE)


@dataclass(frozen=True)
class TokenPlace:
    """A token's place: its line from the reply's first, and pixels from the line's start."""

    line: int
    x: int
    width: int


def parts(state: ViewState) -> ReplyParts:
    """Divide the view."""
    view = whole(state)
    note = view.row(0, ROW)
    edits = view.row(note.height + 2, ROW * (2 if view.height >= EDITS_TALL else 1))
    half = (view.width - 2 * UNIT) // 2
    top = edits.bottom - view.y + UNIT // 2
    tall = max(STRIP_LEAST, round(STRIP_SHARE * view.height))
    strip = view.row(max(top + ROW + LINE, view.height - tall), tall)
    heads = (Box(view.x, view.y + top, half, ROW), Box(view.right - half, view.y + top, half, ROW))
    below = heads[0].bottom + 2
    height = max(LINE, strip.y - UNIT // 2 - below)
    texts = (Box(heads[0].x, below, half, height), Box(heads[1].x, below, half, height))
    return ReplyParts(note, edits, heads, texts, strip)


@lru_cache(maxsize=8)
def cells(tokens: tuple[ComparedToken, ...], width: int) -> tuple[TokenPlace, ...]:
    """Lay a reply out in lines of so many pixels; a token that ends a line of text ends one here."""
    found: list[TokenPlace] = []
    x = line = 0
    for token in tokens:
        room = min(width, CHARACTER * _letters(token.text) + 2 * PADDING)
        if x and x + room > width:
            x, line = 0, line + 1
        found.append(TokenPlace(line, x, room))
        x += room + 1
        if token.text.endswith("\n"):
            x, line = 0, line + 1
    return tuple(found)


def _letters(text: str) -> int:
    """Count the letters that a token's text takes at most, with escapes for what may have none."""
    plain = words.shown_text(text, lambda character: character < COMMON)
    return max(1, len(plain))


def most_scroll(state: ViewState) -> int:
    """Return how many lines the replies can be scrolled down."""
    found = state.measurements.answer(Comparison)
    if found is None:
        return 0
    places = parts(state)
    laid = [cells(tokens, places.texts[0].width) for tokens in (found[1].plain, found[1].edited)]
    lines = max((reply[-1].line + 1 for reply in laid if reply), default=0)
    return max(0, lines - places.lines)


def token_at(state: ViewState, at: At) -> tuple[int, int] | None:
    """The column, 0 or 1, and the number of the token at a point; the strip's are the first column's."""
    found = state.measurements.answer(Comparison)
    if found is None:
        return None
    places, answer = parts(state), found[1]
    if places.strip.holds(*at) and answer.kl:
        chart = chart_of(places.strip)
        number = int((at[0] - chart.x) / max(1, chart.width) * len(answer.kl))
        return (0, number) if chart.x <= at[0] and number < len(answer.kl) else None
    scroll = min(state.pane.scroll, most_scroll(state))
    for column, (box, tokens) in enumerate(zip(places.texts, (answer.plain, answer.edited), strict=True)):
        if box.holds(*at):
            line, x = (at[1] - box.y) // LINE + scroll, at[0] - box.x
            for number, cell in enumerate(cells(tokens, box.width)):
                if cell.line == line and cell.x <= x < cell.x + cell.width:
                    return column, number
    return None


def chart_of(strip: Box) -> Box:
    """Return the part of the strip that the bars have: numbers stand left of them and below."""
    left, above, below = 8 * UNIT, 3 * UNIT, 3 * UNIT
    height = max(1, strip.height - above - below)
    return Box(strip.x + left, strip.y + above, max(1, strip.width - left), height)


def is_compared(state: ViewState, store: ScanStore) -> bool:
    """Tell whether the known replies are to the last prompt, and under the edits that stand."""
    known = state.measurements.answer(Comparison)
    return (
        known is not None
        and not known[0].disturbed
        and known[0].edits == state.editing.standing.edits
        and known[0].turn == max(store.turns, default=0)
    )


class CompareView(PlainView):
    """The reply without the edits, and with them."""

    name: ViewName = "compare"
    has_units = False
    measures = "comparison"

    def entered(self, state: ViewState, store: ScanStore, /) -> Entry:
        """See `View`: have both replies made, where those known are of other edits or an earlier prompt."""
        if not state.editing.standing.edits or not state.attended or state.connection.read_only:
            return Entry(state)
        if "comparison" in state.measurements.pending or is_compared(state, store):
            return Entry(state)
        return Entry(replace(state, pane=replace(state.pane, scroll=0)), (Compare(id=UNNUMBERED),))

    def table(self, state: ViewState, _store: ScanStore, /) -> Table | None:
        """Return both replies, a token a row, and the divergence at each."""
        asked = state.measurements.answer(Comparison)
        if asked is None:
            return None
        answer = asked[1]
        count = max(len(answer.plain), len(answer.edited))
        kl = np.full(count, np.nan)
        kl[: len(answer.kl)] = answer.kl[:count]
        columns: dict[str, Column] = {"position": np.arange(count)}
        for name, tokens in (("plain", answer.plain), ("edited", answer.edited)):
            columns[name] = np.asarray([*(each.text for each in tokens), *[""] * (count - len(tokens))])
            logprobs = [*(each.logprob for each in tokens), *[np.nan] * (count - len(tokens))]
            columns[f"{name}_logprob"] = np.asarray(logprobs)
        facts = {"prompt": answer.prompt, "compared_edits": encoded(asked[0].edits)}
        return Table({**columns, "kl": kl}, {**facts, "edits_changed_meanwhile": asked[0].disturbed})

    def why_empty(self, state: ViewState, store: ScanStore, /) -> Words:
        """See `View`: what to do next where nothing was compared."""
        if state.connection.card is None or state.time.at is None:
            return super().why_empty(state, store)
        if state.measurements.pending.get("comparison"):
            return (
                "Replying twice",
                "The model answers the last prompt without and with the edits, from the same seed.",
            )
        if not state.editing.standing.edits:
            return (
                "No edit stands",
                "Both replies would be the same. Select units, ablate ({edit.ablate}) or boost "
                "({edit.boost}) them, and come back with {compare.toggle}.",
            )
        return (
            "Nothing was compared yet",
            "{compare.measure} replies to the last prompt without and with the edits.",
        )

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        found = state.measurements.answer(Comparison)
        return "Without and with the edits", f"in reply to “{found[1].prompt}”" if found else ""


VIEWS = (CompareView(),)
