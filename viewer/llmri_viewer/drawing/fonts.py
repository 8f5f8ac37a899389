"""The window's letters: DejaVu as matplotlib brings it, rendered once and kept."""

from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import pygame
from matplotlib.ft2font import FT2Font

from llmri_viewer.theme import Colour
from llmri_viewer.words import shown_text

Face = Literal["sans", "mono", "bold"]
FILES: dict[Face, str] = {
    "sans": "DejaVuSans.ttf",
    "mono": "DejaVuSansMono.ttf",
    "bold": "DejaVuSans-Bold.ttf",
}
RENDERS_KEPT = 2048
ELLIPSIS = "…"


class Fonts:
    """Renders text, elided where it is too wide; what a font lacks appears as its escape."""

    def __init__(self) -> None:
        folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
        self._paths = {face: folder / name for face, name in FILES.items()}
        self._fonts: dict[tuple[Face, int], pygame.font.Font] = {}
        self._known: dict[Face, frozenset[int]] = {}
        self._renders: OrderedDict[tuple[str, Face, int, Colour], pygame.Surface] = OrderedDict()
        self.drawable = lru_cache(maxsize=4096)(self._drawable)
        self.safe = lru_cache(maxsize=4096)(self._safe)

    def font(self, face: Face, size: int) -> pygame.font.Font:
        """Give a font; `size` is the height of its letters in pixels, as pygame counts."""
        if (face, size) not in self._fonts:
            self._fonts[face, size] = pygame.font.Font(self._paths[face], size)
        return self._fonts[face, size]

    def width(self, text: str, face: Face, size: int) -> int:
        """Give the width of text as drawn, in pixels."""
        return self.font(face, size).size(self.safe(text))[0]

    def _safe(self, text: str) -> str:
        """Give the text as it can be drawn."""
        return shown_text(text, self.drawable)

    def fitted(self, text: str, face: Face, size: int, room: int) -> str:
        """Give the text as drawn in so many pixels, with an ellipsis where it was cut."""
        text = self.safe(text)
        font = self.font(face, size)
        if font.size(text)[0] <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if font.size(text[:middle].rstrip() + ELLIPSIS)[0] <= room:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + ELLIPSIS if low else ""

    def tail(self, text: str, face: Face, size: int, room: int) -> str:
        """Give the end of a text that is drawn in so many pixels, with an ellipsis where it was cut."""
        text = self.safe(text)
        if self.font(face, size).size(text)[0] <= room:
            return text
        while text and self.font(face, size).size(ELLIPSIS + text)[0] > room:
            text = text[1:]
        return ELLIPSIS + text if text else ""

    def wrapped(self, text: str, face: Face, size: int, room: int) -> list[str]:
        """Give a text's lines of so many pixels, broken at blanks; a longer word has a line of its own."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, face, size) <= room:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def render(self, text: str, face: Face, size: int, colour: Colour) -> pygame.Surface:
        """Give drawn text; the last few thousand are kept."""
        key = (text, face, size, colour)
        if key not in self._renders:
            self._renders[key] = self.font(face, size).render(text, True, colour)
            if len(self._renders) > RENDERS_KEPT:
                self._renders.popitem(last=False)
        self._renders.move_to_end(key)
        return self._renders[key]

    def _drawable(self, char: str) -> bool:
        return all(ord(char) in self._characters(face) for face in FILES)

    def _characters(self, face: Face) -> frozenset[int]:
        """Give the code points a font has; SDL would draw a box for the others without a word."""
        if face not in self._known:
            self._known[face] = frozenset(FT2Font(str(self._paths[face])).get_charmap())
        return self._known[face]
