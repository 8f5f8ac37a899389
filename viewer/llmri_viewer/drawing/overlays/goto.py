"""The box in which a person types where to go: what was typed, and what it would do."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.goto import EXAMPLES, read
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState

WIDEST = 60 * UNIT
LINE = 5 * UNIT
ROW = 20
KEYS = 9 * UNIT


def draw(canvas: Canvas, under: Box, typed: str, state: ViewState, store: ScanStore) -> None:
    """Draw the box in the upper middle of a part of the window; examples while it is empty."""
    theme = canvas.theme
    width = min(WIDEST, under.width - 2 * UNIT)
    rows = len(EXAMPLES) if not typed else 1
    height = min(LINE + rows * ROW + 2 * UNIT, under.height)
    box = Box(under.x + (under.width - width) // 2, under.y + UNIT, width, height)
    canvas.veil(Box(box.x - 4, box.y - 4, box.width + 8, box.height + 8), theme.background, 0.6)
    canvas.fill(box, theme.panel, 8)
    canvas.outline(box, theme.accent, 1, 8)
    inner = box.inset(2 * UNIT, 0)
    _line(canvas, inner.row(0, LINE), typed)
    below = Box(inner.x, inner.y + LINE, inner.width, max(0, box.bottom - UNIT - inner.y - LINE))
    if typed:
        reading = read(typed, state, store)
        ink = theme.warning if reading.wrong else theme.text if reading.destination else theme.dim
        canvas.text(below.row(0, ROW), reading.sentence, colour=ink)
        return
    for number, (example, meaning) in enumerate(EXAMPLES[: below.height // ROW]):
        row = below.row(number * ROW, ROW)
        canvas.text(Box(row.x, row.y, KEYS, ROW), example, face="mono")
        canvas.text(Box(row.x + KEYS, row.y, row.width - KEYS, ROW), meaning, colour=theme.dim)


def _line(canvas: Canvas, line: Box, typed: str) -> None:
    """Write what is typed, its end always in sight, and a bar where the next letter goes."""
    theme = canvas.theme
    used = canvas.text(line, "Go to", face="bold", colour=theme.accent)
    keys = canvas.spelled("{goto.go} goes, {goto.leave} leaves")
    room = canvas.width(keys)
    canvas.text(Box(line.right - room, line.y, room, line.height), keys, colour=theme.dim)
    place = Box(line.x + used + UNIT, line.y, max(0, line.width - used - room - 3 * UNIT), line.height)
    wide = canvas.text(place, canvas.tail(typed, "mono", place.width), face="mono")
    x = place.x + wide + 1
    canvas.line((x, line.y + UNIT + 3), (x, line.bottom - UNIT - 3), theme.accent, 2)
