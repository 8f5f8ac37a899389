"""Text cut into runs of one font and direction, in the order in which they stand on the line.

Letters written from right to left keep their order inside a line that runs from left to right: the part of
the Unicode bidirectional algorithm (UAX #9, rules W2, W7, N1 and L2) that text without controls needs;
controls are shown as escapes and never obeyed.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

FileOf = Callable[[str], Path]
"""Gives the font file for a character and the marks on it."""
LEFTWARD = frozenset({"R", "AL"})
DIGITS = frozenset({"EN", "AN"})
SCRIPTS = {
    "ARABIC": "Arab",
    "HEBREW": "Hebr",
    "SYRIAC": "Syrc",
    "THAANA": "Thaa",
    "NKO": "Nkoo",
    "DEVANAGARI": "Deva",
    "BENGALI": "Beng",
    "GURMUKHI": "Guru",
    "GUJARATI": "Gujr",
    "ORIYA": "Orya",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "KANNADA": "Knda",
    "MALAYALAM": "Mlym",
    "SINHALA": "Sinh",
    "THAI": "Thai",
    "LAO": "Laoo",
    "TIBETAN": "Tibt",
    "MYANMAR": "Mymr",
    "KHMER": "Khmr",
    "HANGUL": "Hang",
}
"""Scripts whose letters are shaped, by the first word of their characters' names (ISO 15924)."""


@dataclass(frozen=True)
class Run:
    """Characters that one font draws in one go; `script` is empty where nothing needs shaping."""

    text: str
    file: Path
    script: str = ""
    leftward: bool = False


@dataclass(frozen=True)
class _Place:
    file: Path
    script: str
    level: int  # 0 from left to right, 1 from right to left, 2 a number among these


def runs(text: str, file_of: FileOf) -> tuple[Run, ...]:
    """Return the runs from left to right; `file_of` gives the font file of a letter."""
    if text.isascii():
        return (Run(text, file_of(text[0])),) if text else ()
    places = _places(text, file_of)
    found = []
    start = 0
    for place, alike in groupby(places):
        end = start + len(list(alike))
        found.append((place, text[start:end]))
        start = end
    return tuple(Run(piece, place.file, place.script, place.level == 1) for place, piece in _ordered(found))


def _places(text: str, file_of: FileOf) -> list[_Place]:
    """Return each character's font, script and level; marks go with the letter that they stand on."""
    if all(map(_upright, text)):  # most text, and at every token some is new
        return [_simple(file_of(char)) for char in text]
    levels = list(_levels(text))
    places: list[_Place] = []
    for letter in _letters(text):
        level = levels[len(places)]
        script = _script(letter[0])
        if not script and level == 1 and places:
            script = places[-1].script
        places += [_Place(file_of(letter), script, level)] * len(letter)
    return places


@lru_cache(maxsize=8192)
def _upright(char: str) -> bool:
    """Tell whether a character stands alone, is not shaped, and lets its neighbours run to the right."""
    leftward = unicodedata.bidirectional(char) in LEFTWARD | {"AN"}
    return not (leftward or unicodedata.category(char).startswith("M") or _script(char))


@lru_cache(maxsize=64)
def _simple(file: Path) -> _Place:
    return _Place(file, "", 0)


def _letters(text: str) -> Iterator[str]:
    """Yield characters, each with the marks that follow it."""
    start = 0
    for at in range(1, len(text)):
        if not unicodedata.category(text[at]).startswith("M"):
            yield text[start:at]
            start = at
    yield text[start:]


def _levels(text: str) -> Iterator[int]:
    kinds = [unicodedata.bidirectional(char) for char in text]
    strong = "L"
    for at, kind in enumerate(kinds):
        if kind in LEFTWARD or kind == "L":
            strong = kind
        if kind == "AN":  # an Arabic number, which what stands beside it takes for Arabic
            strong = "AL"
        if strong == "L":
            yield 0
        elif kind in DIGITS:
            yield 2
        elif kind in LEFTWARD or kind == "NSM":
            yield 1
        else:
            yield int(_follows_leftward(kinds, at))


def _follows_leftward(kinds: list[str], at: int) -> bool:
    """Tell whether what comes after a neutral is written from right to left, or a number among such."""
    following = next((kind for kind in kinds[at:] if kind == "L" or kind in LEFTWARD | DIGITS), "L")
    return following != "L"


def _ordered(found: list[tuple[_Place, str]]) -> Iterator[tuple[_Place, str]]:
    """Turn neighbours that are written from right to left around (rule L2)."""
    for leftward, alike in groupby(found, key=lambda pair: pair[0].level > 0):
        neighbours = list(alike)
        yield from (reversed(neighbours) if leftward else neighbours)


def _script(char: str) -> str:
    return "" if char.isascii() else SCRIPTS.get(unicodedata.name(char, "").partition(" ")[0], "")
