"""Colours of clusters: one for each stable number, none of them green or red."""

from functools import cache

import numpy as np

from llmri_look.colours.oklab import srgb
from llmri_look.colours.theme import Colour, ThemeName

# OKLCH on the dark ground: lightness, chroma, hue in degrees; neighbours far apart. Red lies near 25 and
# green near 150: edits have those. The accent lies near 295: the selection has that.
SHADES = (
    (0.70, 0.14, 255), (0.80, 0.13, 80), (0.70, 0.16, 338), (0.80, 0.09, 222), (0.68, 0.13, 58),
    (0.58, 0.15, 270), (0.88, 0.12, 98), (0.62, 0.18, 322), (0.85, 0.07, 240), (0.66, 0.07, 75),
    (0.84, 0.08, 345), (0.62, 0.06, 250),
)  # fmt: skip
LIGHT_LESS = 0.27  # lightness taken off on the light ground


@cache
def colours(theme: ThemeName) -> tuple[Colour, ...]:
    """Return the colours; clusters beyond them begin anew."""
    lightness, chroma, hue = np.asarray(SHADES).T
    if theme == "light":
        lightness = lightness - LIGHT_LESS
    angle = np.deg2rad(hue)
    rows = srgb(np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=1))
    return tuple((int(red), int(green), int(blue)) for red, green, blue in rows)


def of_cluster(number: int, theme: ThemeName) -> Colour:
    """Return a cluster's colour by its stable number."""
    known = colours(theme)
    return known[number % len(known)]
