"""The window's letters, rendered once and kept; what no font has is written as its escape."""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import pygame

from llmri_look.colours.theme import Colour
from llmri_look.words import shown_text
from llmri_viewer.drawing.lettering.runs import Run, runs
from llmri_viewer.drawing.lettering.typefaces import Face, Finder, Typefaces

__all__ = ["Face", "Fonts"]

RENDERS_KEPT = 2048
ELLIPSIS = "…"


class Fonts:
    """Renders text, elided where it is too wide.

    Args:
        further: Font files of a person's own, tried after the bundled ones.
        find: Looks for a font among the machine's where these lack a character.
    """

    def __init__(self, further: Sequence[Path] = (), find: Finder | None = None) -> None:
        self._typefaces = Typefaces(further, find)
        self._fonts: dict[tuple[Path, int, str, bool], pygame.font.Font] = {}
        self.render = lru_cache(maxsize=RENDERS_KEPT)(self._rendered)
        self.safe = lru_cache(maxsize=8192)(self._safe)
        self.width = lru_cache(maxsize=16384)(self._width)
        self.fitted = lru_cache(maxsize=8192)(self._fitted)
        self.wrapped = lru_cache(maxsize=1024)(self._wrapped)
        self._runs = lru_cache(maxsize=8192)(self._cut)

    def font(self, face: Face, size: int) -> pygame.font.Font:
        """Return a face's own font; `size` is the height of its letters in pixels, as pygame counts."""
        return self._font(Run("", self._typefaces.first(face)), size)

    def _safe(self, text: str) -> str:
        """Return the text as it can be drawn."""
        return text if _plain(text) else shown_text(text, self.drawable)

    def drawable(self, char: str) -> bool:
        """Tell whether some font has a character."""
        return self._typefaces.file(char, "sans") is not None

    def _width(self, text: str, face: Face, size: int) -> int:
        """Return the width of text as drawn, in pixels."""
        return self._drawn_width(self.safe(text), face, size)

    def _fitted(self, text: str, face: Face, size: int, room: int) -> str:
        """Return the text as drawn in so many pixels, with an ellipsis where it was cut."""
        text = self.safe(text)
        if self._drawn_width(text, face, size) <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self._drawn_width(text[:middle].rstrip() + ELLIPSIS, face, size) <= room:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + ELLIPSIS if low else ""

    def tail(self, text: str, face: Face, size: int, room: int) -> str:
        """Return the end of a text that is drawn in so many pixels, with an ellipsis where it was cut."""
        end = self.safe(text[-max(1, room) :])  # a letter takes a pixel: what lies before has no room
        if len(text) <= max(1, room) and self._drawn_width(end, face, size) <= room:
            return end
        low, high = 0, len(end)
        while low < high:
            middle = (low + high) // 2
            if self._drawn_width(ELLIPSIS + end[middle:], face, size) <= room:
                high = middle
            else:
                low = middle + 1
        return ELLIPSIS + end[low:] if low < len(end) else ""

    def _wrapped(self, text: str, face: Face, size: int, room: int) -> tuple[str, ...]:
        """A text's lines of so many pixels, broken at blanks, and where a word is longer in the word."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, face, size) <= room:
                lines[-1] = longer
            else:
                lines += self._pieces(word, face, size, room)
        return tuple(lines)

    def _pieces(self, word: str, face: Face, size: int, room: int) -> list[str]:
        """Cut a word into pieces of so many pixels, of a character at least."""
        if self.width(word, face, size) <= room:
            return [word]
        pieces = [""]
        for char in word:
            if pieces[-1] and self.width(pieces[-1] + char, face, size) > room:
                pieces.append(char)
            else:
                pieces[-1] += char
        return pieces

    def _cut(self, text: str, face: Face) -> tuple[Run, ...]:
        return runs(text, partial(self._file, face=face))

    def _file(self, char: str, *, face: Face) -> Path:
        return self._typefaces.file(char, face) or self._typefaces.first(face)

    def _drawn_width(self, text: str, face: Face, size: int) -> int:
        return sum(self._font(run, size).size(run.text)[0] for run in self._runs(text, face))

    def _rendered(self, text: str, face: Face, size: int, colour: Colour) -> pygame.Surface:
        """Draw a text that is `safe`: its runs on one baseline, the face's own line in the middle."""
        cut = self._runs(text, face)
        if len(cut) == 1 and cut[0].file == self._typefaces.first(face):
            return self._font(cut[0], size).render(text, True, colour)
        own = self.font(face, size)
        fonts = [self._font(run, size) for run in cut]
        over = max([0, *(font.get_ascent() - own.get_ascent() for font in fonts)])
        under = max([0, *(_descent(font) - _descent(own) for font in fonts)])
        spare = max(over, under)
        sheet = pygame.Surface(
            (self._drawn_width(text, face, size), own.get_height() + 2 * spare), pygame.SRCALPHA
        )
        left = 0
        for run, font in zip(cut, fonts, strict=True):
            drawn = font.render(run.text, True, colour)
            sheet.blit(drawn, (left, spare + own.get_ascent() - font.get_ascent()))
            left += drawn.get_width()
        return sheet

    def _font(self, run: Run, size: int) -> pygame.font.Font:
        """Return the font object of a run; script and direction are set once, since that clears its cache."""
        key = (run.file, size, run.script, run.leftward)
        if key not in self._fonts:
            font = self._fonts[key] = pygame.font.Font(run.file, size)
            if run.script:
                font.set_script(run.script)
            if run.leftward:
                font.set_direction(pygame.DIRECTION_RTL)
        return self._fonts[key]


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _descent(font: pygame.font.Font) -> int:
    return font.get_height() - font.get_ascent()
