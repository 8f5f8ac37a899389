"""Colours of the window. Green is boosted and red is ablated; nothing else is green or red."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ThemeName = Literal["dark", "light"]
ColourMapName = Literal["blue-amber", "coolwarm", "viridis", "magma", "cividis", "grey", "energy"]
Colour = tuple[int, int, int]

SMALL, LARGE = 13, 16  # the two text sizes, in pixels


@dataclass(frozen=True)
class Theme:
    """One set of colours."""

    name: ThemeName
    background: Colour
    panel: Colour
    raised: Colour
    line: Colour
    text: Colour
    dim: Colour
    accent: Colour
    boosted: Colour
    ablated: Colour
    warning: Colour


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


THEMES: dict[ThemeName, Theme] = {
    "dark": Theme(
        name="dark",
        background=_rgb("#0d1015"),
        panel=_rgb("#14181f"),
        raised=_rgb("#1e242e"),
        line=_rgb("#2b333f"),
        text=_rgb("#e8ebf0"),
        dim=_rgb("#98a4b3"),
        accent=_rgb("#b79cff"),
        boosted=_rgb("#43d17c"),
        ablated=_rgb("#ff5a5f"),
        warning=_rgb("#ffc45c"),
    ),
    "light": Theme(
        name="light",
        background=_rgb("#f3f4f7"),
        panel=_rgb("#ffffff"),
        raised=_rgb("#e9ecf1"),
        line=_rgb("#cfd5de"),
        text=_rgb("#171c24"),
        dim=_rgb("#556070"),
        accent=_rgb("#6a3fd4"),
        boosted=_rgb("#0d7438"),
        ablated=_rgb("#c9202b"),
        warning=_rgb("#9a5b00"),
    ),
}


def luminance(colour: Colour) -> float:
    """Return a colour's relative luminance, 0 to 1 (WCAG 2)."""
    red, green, blue = (float((part / 255) ** 2.2) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=4096)
def blend(over: Colour, under: Colour, share: float) -> Colour:
    """Mix two colours, `share` of the first."""
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(over, under, strict=True))
    return red, green, blue
