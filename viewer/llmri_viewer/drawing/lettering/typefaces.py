"""Which font file draws a character: DejaVu, then what else is at hand."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import pygame
from matplotlib.ft2font import FaceFlags, FT2Font

Face = Literal["sans", "mono", "bold"]
Finder = Callable[[str], Path | None]
"""Gives a font file that may have a character."""

FILES: dict[Face, tuple[str, ...]] = {
    "sans": ("DejaVuSans.ttf", "STIXGeneral.ttf"),
    "mono": ("DejaVuSansMono.ttf", "DejaVuSans.ttf", "STIXGeneral.ttf"),
    "bold": ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "STIXGeneral.ttf"),
}
"""What matplotlib brings, in the order in which it is tried."""
BLOCK_BITS = 8  # characters of a block, 256 of them, are looked for once
FINDER_SECONDS = 2.0
NO_LETTERS = "LastResort"  # fonts that have a box for every character there is
COMMON = (
    "notosanscjksc", "pingfangsc", "hiraginosans", "microsoftyahei", "yugothic", "malgungothic",
    "applesdgothicneo", "nirmalaui", "leelawadeeui", "ebrima", "segoeui", "segoeuisymbol", "applesymbols",
    "arialunicodems",
)  # fmt: skip
"""Fonts of many scripts that macOS and Windows bring."""


class Typefaces:
    """Finds the font file for a character.

    Args:
        further: Font files of a person's own, tried after the bundled ones.
        find: Looks among the machine's fonts where none of these has it.
    """

    def __init__(self, further: Sequence[Path] = (), find: Finder | None = None) -> None:
        folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
        self._bundled = {face: tuple(folder / name for name in names) for face, names in FILES.items()}
        self._further = tuple(further)
        self._find = find or _installed
        self._found: dict[int, Path | None] = {}
        self.file = lru_cache(maxsize=16384)(self._file)

    def first(self, face: Face) -> Path:
        """Return the file of a face that is tried first."""
        return self._bundled[face][0]

    def _file(self, letter: str, face: Face) -> Path | None:
        """The first file that has a character with its marks, or without them; None where none does."""
        base = letter[0]
        first = None
        for file in self._chain(base, face):
            if characters(file).issuperset(map(ord, letter)):
                return file
            if first is None and ord(base) in characters(file):
                first = file
        return first

    def _chain(self, char: str, face: Face) -> Iterator[Path]:
        yield from self._bundled[face]
        yield from self._further
        yield from (file for file in dict.fromkeys(self._found.values()) if file is not None)
        block = ord(char) >> BLOCK_BITS
        if block not in self._found and char.isprintable():
            found = self._found[block] = self._find(char)
            if found is not None:
                yield found


@lru_cache(maxsize=64)
def characters(file: Path) -> frozenset[int]:
    """Return the code points that a font has outlines for; none where it cannot be used."""
    try:
        font = FT2Font(str(file))
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if FaceFlags.SCALABLE in font.face_flags else frozenset()


def _installed(char: str) -> Path | None:
    """Ask fontconfig for the best font that has a character, or elsewhere look for the common ones."""
    program = shutil.which("fc-match")
    if program is None:
        return _common() if sys.platform in {"win32", "darwin"} else None
    pattern = f"sans-serif:charset={ord(char):x}:scalable=true"
    try:
        answer = subprocess.run(
            [program, "--format", "%{file}", pattern],
            capture_output=True,
            text=True,
            timeout=FINDER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = Path(answer.stdout)
    return found if answer.stdout and not found.name.startswith(NO_LETTERS) else None


@lru_cache(maxsize=1)
def _common() -> Path | None:
    file = pygame.font.match_font(COMMON)
    return Path(file) if file else None
