"""The scrubber: every kept turn along one line, what of it can still be seen, and the shown token."""

from functools import lru_cache

import numpy as np

from llmri_look.colours.colour import Bytes
from llmri_look.colours.theme import Colour, Theme, blend
from llmri_look.words import count
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.panels.strip import SURPRISE_FULL
from llmri_viewer.model.history.store import ScanStore, TokenRef, Turn
from llmri_viewer.model.history.timeline import GONE, Timeline, codes, edit_changes, timeline_of
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.playback import news_words
from llmri_viewer.model.state import ViewState

LABEL = 40 * UNIT
LABEL_LEAST = 720  # pixels of width below which the line has all the room
TRACK, THIN = 10, 2  # pixels of height: where scans are kept, and where none are
NUMBERS = 2 * UNIT
BORDER_FROM = 6  # pixels a turn takes at least for its border to be drawn
NUMBER_GAP = UNIT
NUMBER_EVERY = 5 * UNIT  # pixels from one turn's number to the next, at least about
SWATCH = 8  # pixels
CHANGE = 4  # pixels that the mark of changed edits stands out over the line
TINTS = (f"tint: surprise to {SURPRISE_FULL:g} nats", "tint: surprise")  # at length, and shorter


def track(box: Box) -> Box:
    """Return the part of the scrubber that stands for tokens."""
    room = box.width - (LABEL + 2 * UNIT if box.width >= LABEL_LEAST else 0)
    return Box(box.x, box.bottom - TRACK - 3, max(1, room), TRACK)


def moment_at(box: Box, store: ScanStore, x: float) -> TokenRef | None:
    """Return the moment at a place of the scrubber, the nearest end beyond its ends."""
    line = track(box)
    return timeline_of(store).moment((x - line.x) / line.width)


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, turn: Turn | None) -> None:
    """Draw the line with its turns' borders and numbers, the shown token as a handle, and the label."""
    theme = canvas.theme
    canvas.fill(Box(box.x - 2 * UNIT, box.y - 1, box.width + 4 * UNIT, box.height + UNIT + 1), theme.panel)
    place, line = track(box), timeline_of(store)
    if not line.length:
        canvas.fill(Box(place.x, place.y + (TRACK - THIN) // 2, place.width, THIN), theme.raised)
        return
    canvas.picture(_shown(store, store.revision, state.pane.site, place.width, theme), place)
    for pixel in _changes(store, store.revision, place.width):
        canvas.fill(Box(place.x + pixel, place.y - CHANGE, 2, TRACK + CHANGE), theme.warning)
    here = state.time.at.turn if state.time.at else -1
    fresh = news_words(state, store)
    stop = place.right
    if fresh and box.width < LABEL_LEAST:
        stop -= canvas.text(box.row(0, NUMBERS), fresh, colour=theme.accent, align="right") + UNIT
    _turns(canvas, box, line, here, stop)
    if state.time.at is not None:
        x = place.x + line.place(state.time.at) * place.width
        canvas.fill(Box(round(x) - 3, place.y - 3, 6, TRACK + 6), theme.panel, 3)
        canvas.fill(Box(round(x) - 2, place.y - 3, 4, TRACK + 6), theme.accent, 2)
    if box.width >= LABEL_LEAST:
        _label(canvas, Box(box.right - LABEL, box.y, LABEL, box.height), state, store, turn)


@lru_cache(maxsize=2)
def _shown(store: ScanStore, _revision: int, site: str, width: int, theme: Theme) -> Bytes:
    """The line's pixels, `[TRACK, width, 3]`: full height where a scan is kept, dotted where it went."""
    line = timeline_of(store)
    found = codes(line, store, site, width)
    inks = np.asarray(
        [
            theme.panel,
            blend(theme.dim, theme.panel, 0.4),
            blend(theme.dim, theme.panel, 0.7),
            blend(theme.dim, theme.panel, 0.7),
            _read(theme),
            _written(theme),
        ],
        np.uint8,
    )
    picture = np.empty((TRACK, width, 3), np.uint8)
    picture[:] = inks[found]
    thin = found <= GONE
    picture[: (TRACK - THIN) // 2, thin] = theme.panel
    picture[(TRACK + THIN) // 2 :, thin] = theme.panel
    picture[:, (found == GONE) & (np.arange(width) % 4 >= 2)] = theme.panel  # noqa: PLR2004 - dots
    borders = np.asarray(line.starts[1:-1], np.intp) * width // line.length
    wide = np.diff(np.asarray(line.starts)) * width / line.length >= BORDER_FROM
    picture[:, borders[wide[1:] | wide[:-1]]] = theme.panel
    return picture


@lru_cache(maxsize=2)
def _changes(store: ScanStore, _revision: int, width: int) -> tuple[int, ...]:
    """Return the pixels of the line at which the edits changed."""
    line = timeline_of(store)
    found = edit_changes(line, store) * width // max(1, line.length)
    return tuple(np.unique(found.clip(0, width - 2)).tolist())


def _turns(canvas: Canvas, box: Box, line: Timeline, here: int, stop: int) -> None:
    """Write the numbers of as many turns as have room up to a place, that of the shown one first."""
    place, theme = track(box), canvas.theme
    taken: list[tuple[int, int]] = []  # the shown turn's, and the one written last, left of all others
    first = line.turns.index(here) if here in line.turns else 0
    for at in (
        first,
        *range(len(line.turns) - 1, -1, -max(1, len(line.turns) * NUMBER_EVERY // place.width)),
    ):
        name = f"turn {line.turns[at]}" if line.turns[at] == here else str(line.turns[at])
        width = canvas.width(name)
        left = place.x + line.starts[at] * place.width // line.length
        left = max(place.x, min(left, stop - width))
        if any(left < end + NUMBER_GAP and start < left + width + NUMBER_GAP for start, end in taken):
            continue
        taken[1:] = [(left, left + width)]
        ink = theme.text if line.turns[at] == here else theme.dim
        canvas.text(Box(left, box.y, width, NUMBERS), name, colour=ink)


def _label(canvas: Canvas, box: Box, state: ViewState, store: ScanStore, turn: Turn | None) -> None:
    """Say what tint and greys mean and how long the turn is; under it what is new, or what was let go."""
    theme = canvas.theme
    if turn is not None:
        chosen, row = turn.generated(), box.row(0, NUMBERS)
        row = _key(canvas, row, f"{chosen} written", _written(theme))
        row = _key(canvas, row, f"{len(turn.tokens) - chosen} read", _read(theme))
        canvas.text(row, canvas.fitting(TINTS, row.width), colour=theme.dim, align="right")
    if _changes(store, store.revision, track(box).width):
        used = _sign(canvas, box.row(NUMBERS, NUMBERS))
        box = Box(box.x + used, box.y, max(0, box.width - used), box.height)
    gone = store.gone[state.pane.site]
    under, fresh = box.row(NUMBERS, NUMBERS), news_words(state, store)
    used = canvas.text(under, fresh, colour=theme.accent, align="right") + UNIT if fresh else 0
    if gone:
        rest = Box(under.x, under.y, max(0, under.width - used), under.height)
        canvas.text(rest, f"{count(gone, 'scan')} let go", colour=theme.dim, align="right")


def _sign(canvas: Canvas, row: Box) -> int:
    """Say what the marks of changed edits are; give the width taken."""
    canvas.fill(Box(row.x, row.y + 3, 2, row.height - 6), canvas.theme.warning)
    text = Box(row.x + UNIT, row.y, row.width - UNIT, row.height)
    return 2 * UNIT + canvas.text(text, "edits changed", colour=canvas.theme.dim)


def _key(canvas: Canvas, row: Box, text: str, ink: Colour) -> Box:
    """Write a text at the right end of a row after a square of what it names; give the rest of the row."""
    room = canvas.width(text)
    canvas.text(row, text, colour=canvas.theme.dim, align="right")
    left = row.right - room - UNIT // 2 - SWATCH
    canvas.fill(Box(left, row.y + (row.height - SWATCH) // 2, SWATCH, SWATCH), ink)
    return row._replace(width=max(0, left - UNIT - UNIT // 2 - row.x))


def _read(theme: Theme) -> Colour:
    """Return the colour of tokens that the model read."""
    return blend(theme.dim, theme.panel, 0.42)


def _written(theme: Theme) -> Colour:
    """Return the colour of tokens that it wrote."""
    return blend(theme.text, theme.panel, 0.72)
