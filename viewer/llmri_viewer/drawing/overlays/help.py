"""The help overlay: the key table as it holds now, the shown view's own keys first."""

from dataclasses import dataclass
from functools import lru_cache

from llmri_look.colours.theme import LARGE
from llmri_look.keys.bindings import Bindings
from llmri_look.keys.keysheet import Line, Section, sections_for
from llmri_look.view_names import Mode
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT

ROWS = (20, 18, 16)  # heights of a row, from the one liked best to the least that can be read
HEADING = 24
TITLE = 6 * UNIT
GAP = 3 * UNIT  # between columns, and around them
NARROWEST = 46 * UNIT  # a column
WIDEST = 160 * UNIT  # the overlay


@dataclass(frozen=True)
class Block:
    """A section, or as much of one as stands together in a column."""

    title: str
    lines: tuple[Line, ...]
    here: bool  # whether the keys hold now

    def height(self, row: int) -> int:
        """Return its height with such rows."""
        return HEADING + len(self.lines) * row + UNIT


HelpColumn = tuple[Block, ...]


def draw(canvas: Canvas, window: Box, table: Bindings, mode: Mode, page: int) -> None:
    """Draw the table over everything, in as many columns as there is room for, and pages if it must be."""
    theme = canvas.theme
    canvas.veil(window, theme.background, 0.75)
    canvas.written.clear()
    room = Box(0, 0, min(WIDEST, window.width - 4 * UNIT), window.height - 4 * UNIT)
    wide = max(1, (room.width - GAP) // (NARROWEST + GAP))
    columns, row = _laid(_blocks(table, mode), room.height - TITLE - GAP, wide)
    pages = -(-len(columns) // wide)
    page %= pages
    shown = columns[page * wide : (page + 1) * wide]
    tallest = max(sum(block.height(row) for block in column) for column in columns)
    height = min(room.height, TITLE + tallest + GAP)
    box = Box((window.width - room.width) // 2, (window.height - height) // 2, room.width, height)
    canvas.fill(box, theme.panel, UNIT)
    canvas.outline(box, theme.line, 1, UNIT)
    inner = box.inset(GAP, 0)
    _title(canvas, inner.row(0, TITLE), table, page + 1, pages)
    each = (inner.width - (wide - 1) * GAP) // wide
    for number, column in enumerate(shown):
        _column(
            canvas, Box(inner.x + number * (each + GAP), box.y + TITLE, each, height - TITLE), column, row
        )


@lru_cache(maxsize=16)
def _blocks(table: Bindings, mode: Mode) -> tuple[Block, ...]:
    here, elsewhere = sections_for(table, mode)
    return (*(_block(section, here=True) for section in here), *(_block(s, here=False) for s in elsewhere))


def _block(section: Section, *, here: bool) -> Block:
    return Block(section.title, section.lines, here)


@lru_cache(maxsize=16)
def _laid(blocks: tuple[Block, ...], height: int, wide: int) -> tuple[list[HelpColumn], int]:
    """Return columns of such a height and their rows' height: the largest with the fewest pages.

    Columns of a single page are as short as they may be, and so about as long as one another.
    """
    tried = [(_columns(blocks, height, row), row) for row in ROWS]
    columns, row = min(tried, key=lambda pair: (-(-len(pair[0]) // wide), -pair[1]))
    if len(columns) > wide:
        return columns, row
    lengths = range(sum(block.height(row) for block in blocks) // wide, height, row)
    even = (_columns(blocks, length, row) for length in lengths)
    return next((found for found in even if len(found) <= wide), columns), row


def _columns(blocks: tuple[Block, ...], height: int, row: int) -> list[HelpColumn]:
    """Fill columns from the top; a block that does not fit goes on in the next one."""
    columns: list[list[Block]] = [[]]
    left = height
    for block in blocks:
        rest = block
        while rest.lines:
            fitting = min(len(rest.lines), (left - HEADING - UNIT) // row)
            if fitting < min(2, len(rest.lines)) and columns[-1]:  # no heading over a single line of many
                columns.append([])
                left = height
                continue
            lines = max(1, fitting)
            part = Block(rest.title, rest.lines[:lines], rest.here)
            columns[-1].append(part)
            left -= part.height(row)
            rest = Block(f"{block.title} (more)", rest.lines[lines:], rest.here)
    return [tuple(column) for column in columns]


def _title(canvas: Canvas, row: Box, table: Bindings, page: int, pages: int) -> None:
    used = canvas.text(row, "Keys", size=LARGE, face="bold")
    closing = table.spelled("{help.toggle} closes")
    if pages > 1:
        closing = table.spelled(f"page {page} of {pages} · {{help.next}} turns it · {closing}")
    left = row.x + used + GAP
    canvas.text(
        Box(left, row.y, row.right - left, row.height), closing, colour=canvas.theme.dim, align="right"
    )


def _column(canvas: Canvas, box: Box, column: HelpColumn, row: int) -> None:
    theme = canvas.theme
    top = 0
    for block in column:
        keys = max(canvas.width(line.shown_keys, "mono") for line in block.lines) + 2 * UNIT
        ink = theme.accent if block.here else theme.dim
        canvas.text(box.row(top, HEADING), block.title, face="bold", colour=ink)
        top += HEADING
        for line in block.lines:
            place = box.row(top, row)
            canvas.text(place, line.shown_keys, face="mono", colour=theme.text if block.here else theme.dim)
            rest = Box(place.x + keys, place.y, max(0, place.width - keys), row)
            canvas.text(rest, line.description, colour=theme.dim)
            top += row
        top += UNIT
