"""A turn's tokens laid out in lines, a cell a token; what is laid stays, and newcomers go behind it."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from llmri_look.colours.theme import SMALL
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.model.history.store import Turn

PADDING = 4
GAP = 1
LEAST = 8  # pixels of a cell


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
            width = min(self.width, max(LEAST, fonts.width(text, "mono", SMALL) + 2 * PADDING))
            if self._end and self._end + width > self.width:
                self.lines.append([])
                self._end = 0
            self.lines[-1].append(Laid(number, self._end, width))
            self.line_of[number] = len(self.lines) - 1
            self._end += width + GAP
        self._laid = len(turn.order)


def flow_of(turn: Turn, width: int, fonts: Fonts) -> Flow:
    """Return the lines of a turn, each so many pixels wide."""
    flow = _flow(turn, width, fonts)
    flow.follow(turn, fonts)
    return flow


@lru_cache(maxsize=8)
def _flow(_turn: Turn, width: int, _fonts: Fonts) -> Flow:
    return Flow(width)
