"""The 256 colours of an 8-bit picture: a map's levels, the ground where nothing is known, and edits."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from llmri_look.colours import colour
from llmri_look.colours.theme import Colour, ColourMapName, Theme
from llmri_look.edit_effects import EditEffect
from llmri_viewer.drawing.marks import edit_colour

TINTS: tuple[tuple[EditEffect, ...], ...] = (("more",), ("less", "off"), ("same",), ("other", "aimed"))
"""Effects that have a colour of their own."""

TINT_LEVELS: Mapping[EditEffect, int] = MappingProxyType(
    {effect: colour.UNKNOWN + 1 + place for place, effects in enumerate(TINTS) for effect in effects}
)
"""The level that shows a unit by what an edit does to it, where it is too small for a mark."""


@lru_cache(maxsize=8)
def palette(name: ColourMapName, theme: Theme) -> tuple[Colour, ...]:
    """Return a map's colours for the levels, and those of the levels beyond."""
    rows = colour.table(name, theme.name).tolist()
    tints = (edit_colour(theme, effects[0]) for effects in TINTS)
    return (*((red, green, blue) for red, green, blue in rows), theme.background, *tints)
